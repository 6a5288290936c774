// How a CHANGELOG.md reads: the text of the changeset alone, and which of our packages it needs by now.
// CommonJS, since that is how changesets loads it.

/** A changeset's text as a list item. */
async function getReleaseLine({ summary }) {
  return `- ${summary.trim().split("\n").join("\n  ").replace(/ +$/gm, "")}`;
}

/** What a package gets for a new version of another one that it depends on. */
async function getDependencyReleaseLine(_changesets, dependencies) {
  if (dependencies.length === 0) return "";
  return `- Needs ${dependencies.map(({ name, newVersion }) => `\`${name}\` ${newVersion}`).join(", ")}.`;
}

module.exports = { getReleaseLine, getDependencyReleaseLine };

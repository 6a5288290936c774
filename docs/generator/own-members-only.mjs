// What a class has from its parent is told there, once, and linked to.
import { Converter, ReflectionKind } from "typedoc";

/** @param {import("typedoc").Application} app */
export function load(app) {
  // once all comments are in place: an inherited one may stand for its own
  app.converter.on(
    Converter.EVENT_RESOLVE_END,
    ({ project }) => {
      const kinds = ReflectionKind.Class;
      for (const parent of project.getReflectionsByKind(kinds)) {
        for (const member of [...(parent.children ?? [])]) {
          if (member.inheritedFrom !== undefined) project.removeReflection(member);
        }
      }
    },
    500,
  );
}

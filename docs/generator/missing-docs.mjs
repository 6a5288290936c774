// A public symbol says what it is; a function says what it takes and what it gives back; and a type that is
// public is exported, with whatever it mentions.
import { makeRecursiveVisitor, ReflectionKind } from "typedoc";

const FUNCTIONS = ReflectionKind.CallSignature | ReflectionKind.ConstructorSignature;

const SYMBOLS =
  FUNCTIONS |
  ReflectionKind.Class |
  ReflectionKind.Interface |
  ReflectionKind.TypeAlias |
  ReflectionKind.Variable |
  ReflectionKind.Property |
  ReflectionKind.GetSignature;

// The used parts of what others made: the manuals of drivers, SDKs and test runners say what their members do.
const FOREIGN = new Set([
  "BetterSqliteDatabase",
  "BetterSqliteStatement",
  "BorrowedClient",
  "BorrowedDb",
  "CallbackPool",
  "MysqlCallbacks",
  "MysqlConnection",
  "MysqlPromises",
  "NodeSqliteDatabase",
  "NodeSqliteStatement",
  "PgClient",
  "PgPool",
  "PgQuery",
  "PromisePool",
  "RedisClient",
  "SdkToken",
  "SdkUser",
  "SqliteReader",
  "TestRunner",
]);

// Names of mysql2's and ioredis' own options, and of what only the shapes above mention.
const NAMELESS = new Set(["ConnectionOption", "DriverOptions", "Callback", "Done", "Statement"]);

/**
 * What has no docstring, or one that leaves something out, or is not exported.
 * @param {import("typedoc").ProjectReflection} project
 * @returns {string[]} a line for each
 */
export function missingDocs(project) {
  const symbols = project.getReflectionsByKind(SYMBOLS).filter((symbol) => !isInline(symbol));
  return [...symbols.flatMap(undocumented), ...notExported(project)];
}

function undocumented(symbol) {
  const name = symbol.getFriendlyFullName();
  if (!hasText(symbol)) return [`${name} has no docstring`];
  return symbol.kindOf(FUNCTIONS) ? leftOut(symbol).map((what) => `${name} does not say ${what}`) : [];
}

/** @param {import("typedoc").SignatureReflection} signature */
function leftOut(signature) {
  const parameters = (signature.parameters ?? [])
    .filter((parameter) => !parameter.hasComment())
    .map((parameter) => `what its parameter ${parameter.name} is`);
  const needsResult = signature.kindOf(ReflectionKind.CallSignature) && !isNothing(signature.type);
  const saysResult = signature.comment?.getTag("@returns") !== undefined;
  return needsResult && !saysResult ? [...parameters, "what it returns"] : parameters;
}

/** @param {import("typedoc").SomeType | undefined} type */
function isNothing(type) {
  return /^(void|(Maybe)?Promise<void>)( \| Promise<void>)?$/.test(String(type ?? "void"));
}

// What is written out inside of another symbol is told by that one's docstring.
const INLINE = ReflectionKind.TypeLiteral | ReflectionKind.SomeSignature | ReflectionKind.Parameter;

function isInline(symbol) {
  for (let parent = symbol.parent; parent !== undefined; parent = parent.parent) {
    if (parent.kindOf(INLINE) || FOREIGN.has(parent.name) || parent.name === "__type") return true;
  }
  return false;
}

function hasText(symbol) {
  if (symbol.hasComment()) return true;
  // a constructor that takes nothing is told by its class
  if (isPlainConstructor(symbol)) return symbol.parent.parent.hasComment();
  return symbol.kindOf(ReflectionKind.GetSignature) && symbol.parent.hasComment();
}

function isPlainConstructor(symbol) {
  return symbol.kindOf(ReflectionKind.ConstructorSignature) && (symbol.parameters ?? []).length === 0;
}

/** Types of ours that are mentioned and can't be imported. */
function notExported(project) {
  const found = new Set();
  // Exported by another package of ours, which is seen here through its declarations.
  const exported = new Set(Object.values(project.reflections).map(({ name }) => name));
  for (const symbol of Object.values(project.reflections)) {
    const visitor = makeRecursiveVisitor({
      reference(type) {
        const isOurs = type.package?.startsWith("@tokenkeep/") && type.reflection === undefined;
        if (isOurs && !type.refersToTypeParameter && !NAMELESS.has(type.name) && !exported.has(type.name)) {
          found.add(`${symbol.getFriendlyFullName()} mentions ${type.name}, which is not exported`);
        }
      },
    });
    symbol.type?.visit(visitor);
  }
  return [...found];
}

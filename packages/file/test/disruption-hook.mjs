// Loaded with `node --import`. Counts what this process does to files, and disrupts it at one of these steps.
//
// DISRUPT: "kill:7" kills the process before its 7th step; "stop:7" stops it there; "cut:7:30" writes 30 bytes of
// the 7th step and kills it; "fail:fdatasync|fsync:2" lets the first 2 calls of these fail with EIO; "count" writes the
// names of the steps to DISRUPT_FILE in the end; "trace" does that too, reads included.
// Steps count from the moment at which the script calls globalThis.disruptFromHere().
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const [kind, wanted, number] = (process.env.DISRUPT ?? "none").split(":");
const WRITES = ["linkSync", "renameSync", "unlinkSync", "fsyncSync", "fsync", "fdatasync", "openSync"];
const READS = ["statSync", "fstatSync", "readSync", "readFileSync", "readdirSync"];
const steps = [];
let isOn = false;
const failing = wanted?.split("|") ?? [];
let failures = Number(number);

globalThis.disruptFromHere = () => {
  isOn = true;
};

function step(name, cut) {
  if (!isOn) return;
  steps.push(name);
  if (steps.length !== Number(wanted)) return;
  if (kind === "kill") process.kill(process.pid, "SIGKILL");
  if (kind === "stop") {
    fs.writeFileSync(process.env.DISRUPT_FILE, name);
    process.kill(process.pid, "SIGSTOP");
  }
  if (kind === "cut") {
    cut?.(Number(number));
    process.kill(process.pid, "SIGKILL");
  }
}

for (const name of [...WRITES, "fchmodSync", "fchownSync", "write"]) {
  const real = fs[name];
  fs[name] = (...args) => {
    if (name !== "openSync" || args[1] !== "r") step(name);
    if (isOn && kind === "fail" && failing.includes(name) && failures-- > 0) {
      const error = Object.assign(new Error(`EIO: i/o error, ${name}`), { code: "EIO" });
      return args.at(-1)(error);
    }
    return real(...args);
  };
}
const { writeSync } = fs;
fs.writeSync = (fd, content, ...rest) => {
  step("writeSync", (length) => writeSync(fd, content.subarray(0, length)));
  return writeSync(fd, content, ...rest);
};
if (kind === "trace") {
  for (const name of READS) {
    const real = fs[name];
    fs[name] = (...args) => {
      step(name);
      return real(...args);
    };
  }
}
syncBuiltinESMExports();
if (kind === "count" || kind === "trace") {
  process.on("exit", () => fs.writeFileSync(process.env.DISRUPT_FILE, steps.join("\n")));
}

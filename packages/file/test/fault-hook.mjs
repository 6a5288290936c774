// Loaded with `node --import`. Counts what this process does to files (only what changes something), and at one
// of these steps it is killed or stopped, or the write is cut off. FAULT is "kill:7", "stop:7", "cut:7:30" (write
// 30 bytes, then die), "count" (write the steps to FAULT_FILE at the end) or "trace" (the same, reads and looks included). Steps count from FAULT_FROM on, which the
// program sets as globalThis.faultsFrom() when it comes to what is to be tested.
import fs from "node:fs";
import { open } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const [kind, wanted, bytes] = (process.env.FAULT ?? "none").split(":");
const steps = [];
let isOn = false;

globalThis.faultsFrom = () => {
  isOn = true;
};

function step(name, cut) {
  if (!isOn) return;
  steps.push(name);
  if (steps.length !== Number(wanted)) return;
  if (kind === "kill") process.kill(process.pid, "SIGKILL");
  if (kind === "stop") {
    fs.writeFileSync(process.env.FAULT_FILE, name);
    process.kill(process.pid, "SIGSTOP");
  }
  if (kind === "cut") {
    cut?.(Number(bytes));
    process.kill(process.pid, "SIGKILL");
  }
}

const { writeSync } = fs;
for (const name of ["linkSync", "renameSync", "unlinkSync", "fsyncSync", "fdatasync", "openSync"]) {
  const real = fs[name];
  fs[name] = (...args) => {
    if (name !== "openSync" || args[1] !== "r") step(name);
    return real(...args);
  };
}
fs.writeSync = (fd, content, ...rest) => {
  step("writeSync", (length) => writeSync(fd, content.subarray(0, length)));
  return writeSync(fd, content, ...rest);
};
const realOpen = fs.promises.open;
fs.promises.open = (...args) => {
  step("open");
  return realOpen(...args);
};
syncBuiltinESMExports();

const handle = await open(process.execPath);
const prototype = Object.getPrototypeOf(handle);
await handle.close();
for (const name of ["writeFile", "write", "sync", "chmod", "chown", "close"]) {
  const real = prototype[name];
  prototype[name] = function (...args) {
    step(`handle.${name}`);
    return real.apply(this, args);
  };
}
if (kind === "trace") {
  for (const name of ["statSync", "fstatSync", "readSync", "readFileSync", "readdirSync"]) {
    const real = fs[name];
    fs[name] = (...args) => {
      step(name);
      return real(...args);
    };
  }
  syncBuiltinESMExports();
}
if (kind === "count" || kind === "trace")
  process.on("exit", () => fs.writeFileSync(process.env.FAULT_FILE, steps.join("\n")));

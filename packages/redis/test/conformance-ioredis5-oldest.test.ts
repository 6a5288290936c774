import { vi } from "vitest";
import { onServer } from "./support/conformance.js";

// In this process. The kit's child processes get it from the module.
vi.mock("ioredis", () => import("ioredis5-oldest"));

await onServer("redis", { ioredis: "ioredis5-oldest", only: ["3.4", "3.7", "4", "5", "6.1", "7.3"] });

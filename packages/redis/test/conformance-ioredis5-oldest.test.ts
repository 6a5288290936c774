import { vi } from "vitest";
import { onServer, otherIoredis } from "./support/conformance.js";

// In this process. The kit's child processes get it from the module.
vi.mock("ioredis", () => import("ioredis5-oldest"));

await onServer("redis", otherIoredis("ioredis5-oldest"));

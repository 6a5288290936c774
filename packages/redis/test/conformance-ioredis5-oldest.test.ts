import { vi } from "vitest";
import { onServer, WITHOUT_ENCRYPTION } from "./support/conformance.js";

// In this process. The kit's child processes get it from the module.
vi.mock("ioredis", () => import("ioredis5-oldest"));

await onServer("redis", { ioredis: "ioredis5-oldest", only: WITHOUT_ENCRYPTION });

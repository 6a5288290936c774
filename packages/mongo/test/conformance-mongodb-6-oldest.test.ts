import { vi } from "vitest";
import { registerKitWithDriver } from "./drivers.js";

vi.mock("mongodb", () => import("mongodb-6-oldest"));

await registerKitWithDriver("mongodb-6-oldest", ["3.7", "4", "7.3"]);

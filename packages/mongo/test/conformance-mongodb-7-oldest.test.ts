import { vi } from "vitest";
import { registerKitWithDriver } from "./drivers.js";

vi.mock("mongodb", () => import("mongodb-7-oldest"));

await registerKitWithDriver("mongodb-7-oldest", ["3.7", "4"]);

import { vi } from "vitest";
import { registerKitWithDriver } from "./drivers.js";

vi.mock("mongodb", () => import("mongodb-6-newest"));

await registerKitWithDriver("mongodb-6-newest", ["3.7", "4"]);

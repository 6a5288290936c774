import { MemoryTokenStore } from "@tokenkeep/memory";

export default {
  name: "memory",
  open: (_space, options) => new MemoryTokenStore(options),
};

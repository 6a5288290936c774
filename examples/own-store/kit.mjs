import { ListTokenStore } from "./list-store.mjs";

export default {
  name: "list",
  open: (_space, options) => new ListTokenStore(options),
};

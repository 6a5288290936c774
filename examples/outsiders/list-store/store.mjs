import { ListTokenStore } from "./list-token-store.mjs";

export default {
  name: "list-token-store",
  open: () => new ListTokenStore(),
};

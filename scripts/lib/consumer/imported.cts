// CommonJS under every resolution: `import()`
export async function open() {
  const { MemoryTokenStore } = await import("@tokenkeep/memory");
  const store = new MemoryTokenStore();
  // @ts-expect-error no such method
  store.find();
  return store.getTokens();
}

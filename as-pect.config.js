// How `npm run test:unit` compiles and runs the specs of assembly/__tests__: each spec is a module of
// its own, without host functions, but for one: reading rules asks for the node's metadata, and there
// is none here. What needs Envoy's functions is tested in the emulator, test/emulator.

/** proxy-wasm's answer for what does not exist. */
const NOT_FOUND = 1;

export default {
  entries: ["assembly/__tests__/**/*.spec.ts"],
  include: [],
  disclude: [/node_modules/],
  async instantiate(memory, createImports, instantiate, binary) {
    return instantiate(
      binary,
      createImports({ env: { memory, proxy_get_property: () => NOT_FOUND } }),
    );
  },
  outputBinary: false,
};

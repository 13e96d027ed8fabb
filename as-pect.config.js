// How `npm run test:unit` compiles and runs the specs of assembly/__tests__: each spec is a module of
// its own, without host functions. What needs Envoy's functions is tested in the emulator, test/module.

export default {
  entries: ["assembly/__tests__/**/*.spec.ts"],
  include: [],
  disclude: [/node_modules/],
  async instantiate(memory, createImports, instantiate, binary) {
    return instantiate(binary, createImports({ env: { memory } }));
  },
  outputBinary: false,
};

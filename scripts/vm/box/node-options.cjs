/*
 * The emulated machine's Node loads this first: NODE_OPTIONS in /etc/environment.
 *
 * Node strips types with a WebAssembly module. Where all is slow, V8's collector of WebAssembly code has freed functions
 * that were running: one cold start of `box` in ten ended by SIGSEGV. So it is switched off, but only by who uses
 * WebAssembly, and until he ends: V8 takes no compiled code from a cache that was written with other options.
 */
WebAssembly.Module = new Proxy(WebAssembly.Module, {
  construct(Module, args) {
    const { setFlagsFromString } = require('node:v8') // here, as most Nodes do without it
    setFlagsFromString('--no-wasm-code-gc')
    process.on('exit', () => setFlagsFromString('--wasm-code-gc'))
    return new Module(...args)
  },
})

// Dials a Trellis node as js-libp2p does: TCP, Noise, Yamux; then ping and identify.
// Prints one line of JSON. Usage: node dial.mjs MULTIADDR

// What Node before 22 lacks and these packages use.
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new Promise((yes, no) => { resolve = yes; reject = no })
  return { promise, resolve, reject }
}
globalThis.CustomEvent ??= class extends Event {
  constructor (type, options) { super(type, options); this.detail = options?.detail }
}
Set.prototype.union ??= function (other) { return new Set([...this, ...other]) }
Set.prototype.difference ??= function (other) { return new Set([...this].filter(it => !other.has(it))) }
Set.prototype.intersection ??= function (other) { return new Set([...this].filter(it => other.has(it))) }

const { createLibp2p } = await import('libp2p')
const { tcp } = await import('@libp2p/tcp')
const { noise } = await import('@chainsafe/libp2p-noise')
const { yamux } = await import('@chainsafe/libp2p-yamux')
const { identify } = await import('@libp2p/identify')
const { ping } = await import('@libp2p/ping')
const { multiaddr } = await import('@multiformats/multiaddr')

const node = await createLibp2p({
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
  services: { identify: identify(), ping: ping() }
})
const address = multiaddr(process.argv[2])
const connection = await node.dial(address)
const roundTripMs = await node.services.ping.ping(address)
const told = await node.services.identify.identify(connection)
console.log(JSON.stringify({
  peer: connection.remotePeer.toString(),
  encryption: connection.encryption,
  multiplexer: connection.multiplexer,
  pinged: roundTripMs >= 0,
  agent: told.agentVersion,
  protocol: told.protocolVersion,
  protocols: told.protocols
}))
await node.stop()
process.exit(0)

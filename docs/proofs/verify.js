// Checks a proof with nothing but WebCrypto; see ../proofs.md. Bytes are Uint8Arrays.

async function hash(label, ...parts) {
  const bytes = [...new TextEncoder().encode(label), 0, ...parts.flatMap((it) => [...it])];
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes)));
}

const bit = (key, at) => (key[at >> 3] >> (7 - (at & 7))) & 1;
const same = (a, b) => a.length === b.length && a.every((byte, at) => byte === b[at]);

// Returns the value at `key`, null if nothing stands there; throws if the proof does not show it.
export async function verify(root, key, proof) {
  const wrong = () => new Error("this proves nothing");
  let at = 0;
  const take = (count) => {
    if (proof.length < at + count) throw wrong();
    return proof.slice(at, (at += count));
  };
  const [kind] = take(1);
  if (kind === 0) {
    if (at !== proof.length || root.some((byte) => byte !== 0)) throw wrong();
    return null;
  }
  let leaf = key;
  if (kind === 2) {
    const [shared] = take(1);
    if (31 < shared) throw wrong();
    leaf = new Uint8Array([...key.slice(0, shared), ...take(32 - shared)]);
    if (leaf[shared] === key[shared]) throw wrong();
  } else if (kind !== 1) {
    throw wrong();
  }
  const value = take(32);
  const [from, length] = take(2);
  const bitmap = take(length);
  const tight = length === 0 ? from === 0 : bitmap[0] !== 0 && bitmap[length - 1] !== 0;
  if (32 < from + length || !tight) throw wrong();
  const path = [];
  for (let b = from * 8; b < (from + length) * 8; b++) {
    if (bit(bitmap, b - from * 8) === 1) path.push([b, take(32)]);
  }
  if (at !== proof.length) throw wrong();
  let sum = await hash("trellis-map-leaf-v1", leaf, value);
  for (const [b, sibling] of path.reverse()) {
    if (bit(key, b) !== bit(leaf, b)) throw wrong();
    const sides = bit(key, b) === 0 ? [sum, sibling] : [sibling, sum];
    sum = await hash("trellis-map-branch-v1", [b], ...sides);
  }
  if (!same(sum, root)) throw wrong();
  return same(leaf, key) ? value : null;
}

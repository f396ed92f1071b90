// Ids of gaps as rules/gap_ids.py makes them, so that a gap of a state is found again in the run that carries it out.
const GAP_LETTERS = "0123456789ABCDEFGHJMNPQRSTVWXYZ", LONGEST_ROUTE = 12;
// BLAKE2b (RFC 7693), five bytes long, without a key.
const BLAKE_START = ["6a09e667f3bcc908", "bb67ae8584caa73b", "3c6ef372fe94f82b", "a54ff53a5f1d36f1", "510e527fade682d1", "9b05688c2b3e6c1f", "1f83d9abfb41bd6b", "5be0cd19137e2179"];
const BLAKE_ORDER = ["0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194", "7931dcbe265a40f8", "905724afe1bc683d", "2c6a0b834d75fe19", "c51fed4a0763928b", "db7ec13950f4862a", "6fe9b308c2d714a5", "a2847615fb9e3cd0"];
const BLAKE_MIXED = ["048c", "159d", "26ae", "37bf", "05af", "16bc", "278d", "349e"];
const hex = (digits) => Array.from(digits, (x) => parseInt(x, 16));

/** The first five bytes of the digest of some bytes, the first one highest. */
function blake2b(bytes) {
  const whole = (BigInt(1) << BigInt(64)) - BigInt(1), turn = (x, by) => (x >> BigInt(by) | x << BigInt(64 - by)) & whole;
  const start = BLAKE_START.map((x) => BigInt("0x" + x)), state = start.slice(), blocks = Math.max(1, Math.ceil(bytes.length / 128));
  state[0] ^= BigInt(0x01010005);
  for (let k = 0; k < blocks; k++) {
    const block = new Uint8Array(128), view = new DataView(block.buffer), v = [...state, ...start];
    block.set(bytes.subarray(128 * k, 128 * k + 128));
    v[12] ^= BigInt(Math.min(128 * (k + 1), bytes.length));
    if (k === blocks - 1) v[14] ^= whole;
    for (let round = 0; round < 12; round++) {
      const order = hex(BLAKE_ORDER[round % 10]);
      BLAKE_MIXED.map(hex).forEach(([a, b, c, d], i) => {
        for (const [word, first, second] of [[order[2 * i], 32, 24], [order[2 * i + 1], 16, 63]]) {
          v[a] = v[a] + v[b] + view.getBigUint64(8 * word, true) & whole;
          v[d] = turn(v[d] ^ v[a], first);
          v[c] = v[c] + v[d] & whole;
          v[b] = turn(v[b] ^ v[c], second);
        }
      });
    }
    v.slice(0, 8).forEach((x, i) => { state[i] ^= x ^ v[i + 8]; });
  }
  return Array.from({ length: 5 }, (_, k) => Number(state[0] >> BigInt(8 * k) & BigInt(255))).reduce((sum, x) => 256 * sum + x, 0);
}

/** The id of a gap: its route, and five letters made of all that it is. */
function gapId(rule, { ref, section, direction }, low, high) {
  const number = blake2b(new TextEncoder().encode([rule, ref, section, direction, Math.round(low), Math.round(high)].join("/")));
  const plain = ref.normalize("NFKD").replace(/[^\x00-\x7f]|\s/g, "").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "");
  return (plain.slice(0, LONGEST_ROUTE).replace(/-$/, "") || "R") + "-" + Array.from({ length: 5 }, (_, k) => GAP_LETTERS[Math.floor(number / GAP_LETTERS.length ** k) % GAP_LETTERS.length]).join("");
}

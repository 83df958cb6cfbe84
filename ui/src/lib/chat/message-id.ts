// What a message is called here, by what Matrix calls it: UUIDv5 (RFC 9562) of the event's id, the same
// on any machine. The namespace is that of the server's domain/id.rs.

const NAMESPACE = '6f2d90a67c0e5b5e9d0b63a1d5a3c0de';

export async function messageIdOf(event: string): Promise<string> {
  const namespace = NAMESPACE.match(/../g)?.map((byte) => parseInt(byte, 16)) ?? [];
  const named = Uint8Array.from([...namespace, ...new TextEncoder().encode(event)]);
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-1', named)).slice(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

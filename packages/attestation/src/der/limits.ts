/** How deep constructed elements may nest. A certificate with Intel's extension is 8 deep. */
export const derDepthMax = 16

/** Longest object identifier, in bytes of its content. */
export const objectIdentifierBytesMax = 32

/** Whether a text holds no half of a surrogate pair, so that UTF-8 can carry it. */
export function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed()
}

/** Whether the UTF-16 unit at `index` is the second half of a pair whose first half stands before it. */
export function splitsPair(text: string, index: number): boolean {
  const low = text.charCodeAt(index)
  if (low < 0xdc00 || low > 0xdfff || index === 0) return false
  const high = text.charCodeAt(index - 1)
  return high >= 0xd800 && high <= 0xdbff
}

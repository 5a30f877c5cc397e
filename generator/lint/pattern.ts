/** Why a regular expression does not compile with the `u` flag, which is what the validators use; undefined when it does. */
export function patternError(source: string): string | undefined {
  try {
    new RegExp(source, 'u')
    return undefined
  } catch (cause) {
    // `Invalid regular expression: /(/u: Unterminated group`: the part after the source is what is new.
    return (cause as Error).message.split('/u: ').at(-1)
  }
}

import { isDeepStrictEqual } from 'node:util'

/** Whether two JSON values are equal, the order of properties aside. */
export function matchesExactly(actual: unknown, expected: unknown): boolean {
  return isDeepStrictEqual(actual, expected)
}

/** Whether everything that `expected` says is so in `actual`; more properties are allowed, more items are not. */
export function containsAll(actual: unknown, expected: unknown): boolean {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return false
    return expected.every((item, index) => containsAll(actual[index], item))
  }
  if (!isRecord(expected)) return matchesExactly(actual, expected)
  if (!isRecord(actual)) return false
  return Object.entries(expected).every(
    ([name, item]) => Object.hasOwn(actual, name) && containsAll(actual[name], item),
  )
}

/** Whether two arrays hold the same items, in whatever order. */
export function matchesUnordered(actual: unknown, expected: unknown): boolean {
  if (!Array.isArray(actual) || !Array.isArray(expected) || actual.length !== expected.length) return false
  const left: unknown[] = [...actual]
  return expected.every(item => {
    const index = left.findIndex(candidate => matchesExactly(candidate, item))
    if (index !== -1) left.splice(index, 1)
    return index !== -1
  })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

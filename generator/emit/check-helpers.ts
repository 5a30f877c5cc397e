/** Functions that the checks call: `name` is looked for in their text. */
export const HELPERS: readonly { readonly name: string; readonly text: string }[] = [
  {
    name: 'error',
    text: `function error(instancePath, schemaPath, keyword, params, message) {
  return [{ instancePath, schemaPath, keyword, params, message }]
}`,
  },
  {
    name: 'under',
    text: `/** Errors of a part, told from the whole. */
function under(path, errors) {
  for (const error of errors) error.instancePath = path + error.instancePath
  return errors
}`,
  },
  {
    name: 'own',
    text: `/** For names that every object inherits. */
function own(data, name) {
  return Object.hasOwn(data, name) ? data[name] : undefined
}`,
  },
  {
    name: 'pointerPart',
    text: `/** A name as a part of a JSON pointer. */
function pointerPart(name) {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}`,
  },
  {
    name: 'characters',
    text: `/** JSON Schema counts code points, not UTF-16 units. */
function characters(text) {
  let count = text.length
  for (let i = 1; i < text.length; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xdc00 && (text.charCodeAt(i - 1) & 0xfc00) === 0xd800) count--
  }
  return count
}`,
  },
  {
    name: 'anyOf',
    text: `function anyOf(checks, data, schemaPath) {
  const errors = []
  for (const check of checks) {
    const found = check(data)
    if (found === null) return null
    errors.push(...found)
  }
  return [...errors, ...error('', schemaPath, 'anyOf', {}, 'must match a schema in anyOf')]
}`,
  },
  {
    name: 'oneOf',
    text: `function oneOf(checks, data, schemaPath) {
  const errors = []
  const passing = []
  for (let i = 0; i < checks.length && passing.length < 2; i++) {
    const found = checks[i](data)
    if (found === null) passing.push(i)
    else errors.push(...found)
  }
  if (passing.length === 1) return null
  const params = { passingSchemas: passing.length === 0 ? null : passing }
  return [...errors, ...error('', schemaPath, 'oneOf', params, 'must match exactly one schema in oneOf')]
}`,
  },
  {
    name: 'repeatedScalar',
    text: `/** The first item from the end that is there again behind it, or null. */
function repeatedScalar(items) {
  const places = new Map()
  for (let i = items.length; i-- > 0; ) {
    const j = places.get(items[i])
    if (j !== undefined) return { i, j }
    places.set(items[i], i)
  }
  return null
}`,
  },
  {
    name: 'repeated',
    text: `/** The first item from the end that is there again before it, or null. */
function repeated(items) {
  for (let i = items.length; i-- > 0; ) {
    for (let j = i; j-- > 0; ) if (equal(items[i], items[j])) return { i, j }
  }
  return null
}

function equal(a, b) {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a !== a && b !== b
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every(key => Object.hasOwn(b, key) && equal(a[key], b[key]))
}`,
  },
]

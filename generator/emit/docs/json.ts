import type { Json } from '../../ir.js'

const WIDTH = 100

/** JSON for people: what fits on a line stays on it, as in the spec. */
export function jsonText(value: Json, indent = ''): string {
  const flat = flatText(value)
  if (typeof value !== 'object' || value === null || indent.length + flat.length <= WIDTH) return flat
  const deeper = `${indent}  `
  const isList = Array.isArray(value)
  const lines = isList
    ? value.map(item => deeper + jsonText(item, deeper))
    : Object.entries(value).map(([key, item]) => `${deeper}${JSON.stringify(key)}: ${jsonText(item, deeper)}`)
  return `${isList ? '[' : '{'}\n${lines.join(',\n')}\n${indent}${isList ? ']' : '}'}`
}

function flatText(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(flatText).join(', ')}]`
  const members = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${flatText(item)}`)
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
}

import type { Ajv } from 'ajv'
import { EmitError } from './file.js'
import { generatedFrom, jsdoc } from './printer.js'

/** A validator as source text, and the helper functions that it calls. */
export interface CompiledSchema {
  readonly text: string
  readonly helpers: ReadonlySet<string>
}

/** What Ajv would `require` at run time, written out, so that the validators import nothing. */
export const HELPERS: readonly { readonly name: string; readonly text: string }[] = [
  { name: 'hasOwn', text: 'const hasOwn = Object.prototype.hasOwnProperty;' },
  {
    name: 'ucs2length',
    text: 'function ucs2length(text) {\nlet count = 0;\nfor (const _ of text) count++;\nreturn count;\n}',
  },
  {
    name: 'equal',
    text: `function equal(a, b) {
if (a === b) return true;
if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a !== a && b !== b;
if (Array.isArray(a) !== Array.isArray(b)) return false;
const keys = Object.keys(a);
return keys.length === Object.keys(b).length && keys.every(key => hasOwn.call(b, key) && equal(a[key], b[key]));
}`,
  },
]

/** A value that generated code refers to, as Ajv keeps it. */
interface ScopeName {
  readonly prefix: string
  readonly str: string
  readonly value?: { readonly ref: unknown; readonly code?: unknown }
}

interface ValidateSource {
  readonly validateName: { readonly str: string }
  readonly validateCode: { toString(): string }
  readonly scopeValues: Readonly<Record<string, ReadonlySet<ScopeName> | undefined>>
}

/**
 * Compiles one schema and rewrites Ajv's source: names come from the schema instead of a running number, so that a new
 * schema renames nothing; every function carries its own constants; a nested call passes a path, not an options object.
 * @throws EmitError when Ajv refuses the schema
 */
export function compileSchema(ajv: Ajv, id: string, pointer: string): CompiledSchema {
  const source = sourceOf(ajv, id, pointer)
  const helpers = new Set<string>()
  const constants: string[] = []
  const replacements = new Map<string, string>([[source.validateName.str, `validate${id}`]])
  const schemas = new Map<string, unknown>()
  for (const name of Object.values(source.scopeValues).flatMap(names => [...(names ?? [])])) {
    if (name.prefix === 'schema') schemas.set(name.str, name.value?.ref)
    else replacements.set(name.str, replacementOf(name, id, helpers, constants))
  }
  const body = rewrite(source.validateCode.toString(), replacements, schemas)
  if (body.includes('ucs2length(')) helpers.add('ucs2length')
  if (helpers.has('equal')) helpers.add('hasOwn')
  const doc = jsdoc([generatedFrom(pointer)])
  return { text: [...constants, doc, `export ${body}`, ''].join('\n'), helpers }
}

function sourceOf(ajv: Ajv, id: string, pointer: string): ValidateSource {
  try {
    const validate = ajv.getSchema(id) as { source?: ValidateSource } | undefined
    if (validate?.source !== undefined) return validate.source
  } catch (cause) {
    throw new EmitError(pointer, `Ajv refuses the schema: ${(cause as Error).message}`)
  }
  throw new Error(`Ajv kept no source for ${id}`)
}

function replacementOf(name: ScopeName, id: string, helpers: Set<string>, constants: string[]): string {
  const ref = name.value?.ref
  switch (name.prefix) {
    case 'validate':
    case 'root':
    case 'wrapper': {
      // `wrapper` and `root` stand for `{ validate }`; the property access is dropped in rewrite().
      const target = (ref as { schema?: { $id?: string } } | undefined)?.schema?.$id
      if (target === undefined) throw new Error(`Ajv calls a schema without $id in ${id}`)
      return `validate${target}`
    }
    case 'func': {
      const helper = /runtime\/(\w+)"/.exec(String(name.value?.code))?.[1] ?? 'hasOwn'
      if (!HELPERS.some(known => known.name === helper)) throw new Error(`unknown Ajv helper ${helper}`)
      helpers.add(helper)
      return helper
    }
    case 'pattern':
    case 'formats': {
      if (!(ref instanceof RegExp)) throw new Error(`Ajv keeps a ${name.prefix} that is not a regex in ${id}`)
      const constant = `${id}_pattern${constants.length}`
      constants.push(`const ${constant} = ${String(ref)};`)
      return constant
    }
    default:
      throw new Error(`unknown Ajv scope value ${name.prefix}`)
  }
}

const STRING = '"(?:[^"\\\\]|\\\\.)*"'
const TOKEN = new RegExp(
  `${STRING}|(?<![.\\w$])([A-Za-z_$][\\w$]*)((?:\\.[A-Za-z_$][\\w$]*|\\[(?:${STRING}|\\d+)\\])*)`,
  'g',
)
const CALL = new RegExp(
  `\\{instancePath(?::((?:[^"{}\\n]|${STRING})*?))?,parentData(?:[^"{}\\n]|${STRING})*?,rootData(?:,dynamicAnchors)?\\}`,
  'g',
)
const SIGNATURE = /\(data, \{instancePath="".*?\}=\{\}\)/
const LENGTH = /\bucs2length\(([\w.$]+(?:\["(?:[^"\\]|\\.)*"\])?)\) (<|>) (\d+)/g

function rewrite(code: string, names: ReadonlyMap<string, string>, schemas: ReadonlyMap<string, unknown>): string {
  return code
    .replace(/\/\*# sourceURL=.*?\*\/;?\n?/, '')
    .replace(SIGNATURE, '(data, instancePath = "")')
    .replace(CALL, (_, path: string | undefined) => path ?? 'instancePath')
    .replace(TOKEN, (token, ident: string | undefined, path: string) => {
      if (ident === undefined) return token
      if (schemas.has(ident)) return JSON.stringify(valueAt(schemas.get(ident), path))
      const name = names.get(ident)
      if (name === undefined) return token
      return name + (/^(?:wrapper|root)\d/.test(ident) ? path.replace(/^\.validate/, '') : path)
    })
    .replace(LENGTH, (call, text: string, operator: string, limit: string) => {
      // UTF-16 units are never fewer than code points: most strings need no count at all.
      if (operator === '<' && limit === '1') return `${text}.length < 1`
      return operator === '>' ? `${text}.length > ${limit} && ${call}` : call
    })
}

/** Follows `.properties.x["y z"].enum`, as Ajv writes it, into a schema. */
function valueAt(schema: unknown, path: string): unknown {
  let value = schema
  for (const [, name, quoted] of path.matchAll(/\.([\w$]+)|\[("(?:[^"\\]|\\.)*"|\d+)\]/g)) {
    value = (value as Record<string, unknown>)[name ?? String(JSON.parse(quoted ?? '""'))]
  }
  return value
}

import { joinPointer } from '../../pointer.js'
import type { Finding, LintRule } from '../rule.js'
import { isObj, listing, type Obj, stringsOf } from '../tree.js'

const ANYWHERE = new Set(['$ref', 'type', 'title', 'description', 'default', 'examples', 'deprecated'])
const CONSTRAINTS: Readonly<Record<string, readonly string[]>> = {
  const: [],
  enum: [],
  oneOf: [],
  anyOf: [],
  allOf: [],
  discriminator: [],
  properties: ['object'],
  required: ['object'],
  additionalProperties: ['object'],
  minProperties: ['object'],
  maxProperties: ['object'],
  items: ['array'],
  minItems: ['array'],
  maxItems: ['array'],
  uniqueItems: ['array'],
  pattern: ['string'],
  minLength: ['string'],
  maxLength: ['string'],
  minimum: ['integer', 'number'],
  maximum: ['integer', 'number'],
  exclusiveMinimum: ['integer', 'number'],
  exclusiveMaximum: ['integer', 'number'],
  multipleOf: ['integer', 'number'],
}
const COMBINERS = ['oneOf', 'anyOf', 'allOf']
const INSTEAD: Readonly<Record<string, string>> = {
  nullable: "write `type: [<type>, 'null']`",
  example: 'write `examples`, a list',
  format: 'write a `pattern`, which the validators check',
  patternProperties: 'use `additionalProperties` with a schema',
  if: 'use `oneOf` with a discriminator',
}
const QUOTES = 'a text with a comma needs quotes inside { }'

/** Every keyword reaches the types and the validators, or is refused: nothing is silently dropped. */
export const schemaKeyword: LintRule = {
  id: 'WG001',
  name: 'schema-keyword',
  doc: 'Schemas use only keywords that the generated types and validators honour, where they have an effect.',
  *check({ schemas }) {
    for (const { schema, pointer, emitted } of schemas) {
      yield* unknownKeywords(schema, pointer)
      if (!emitted) continue
      yield* withoutEffect(schema, pointer)
      yield* combined(schema, pointer)
    }
  },
}

function* unknownKeywords(schema: Obj, pointer: string): Generator<Finding> {
  for (const keyword of Object.keys(schema)) {
    if (ANYWHERE.has(keyword) || Object.hasOwn(CONSTRAINTS, keyword) || keyword.startsWith('x-')) continue
    yield {
      pointer: joinPointer(pointer, keyword),
      message: `schema keyword \`${keyword}\` is not supported`,
      hint:
        INSTEAD[keyword] ?? (keyword.includes(' ') ? QUOTES : 'remove it, or say the same with a supported keyword'),
    }
  }
}

function* withoutEffect(schema: Obj, pointer: string): Generator<Finding> {
  const written = schema['type']
  const types = typeof written === 'string' ? [written] : stringsOf(written)
  for (const [keyword, allowed] of Object.entries(CONSTRAINTS)) {
    if (!Object.hasOwn(schema, keyword)) continue
    if (schema['$ref'] !== undefined) {
      yield {
        pointer: joinPointer(pointer, keyword),
        message: `\`${keyword}\` beside a \`$ref\` is lost`,
        hint: 'move it into the referenced schema, or write the schema out instead of the $ref',
      }
    } else if (allowed.length > 0 && !allowed.some(type => types.includes(type))) {
      const wanted = allowed[0] ?? ''
      yield {
        pointer: joinPointer(pointer, keyword),
        message: `\`${keyword}\` has no effect ${types.length === 0 ? 'without a `type`' : `on ${listing(types)}`}`,
        hint: types.length === 0 ? `add \`type: ${wanted}\`` : `remove it, or make the type \`${wanted}\``,
      }
    }
  }
}

function* combined(schema: Obj, pointer: string): Generator<Finding> {
  const combiner = COMBINERS.find(keyword => schema[keyword] !== undefined)
  if (combiner !== undefined) {
    const beside = ['properties', 'enum', 'const', ...COMBINERS].find(
      keyword => keyword !== combiner && schema[keyword] !== undefined,
    )
    if (beside !== undefined) {
      yield {
        pointer: joinPointer(pointer, beside),
        message: `\`${beside}\` beside \`${combiner}\` does not reach the generated type`,
        hint: `put it into the branches of \`${combiner}\`, or into a schema of its own`,
      }
    }
  } else if (schema['properties'] !== undefined && isObj(schema['additionalProperties'])) {
    yield {
      pointer: `${pointer}/additionalProperties`,
      message: 'a schema for additional properties beside `properties` does not reach the generated type',
      hint: 'write `true` or `false`, or put the map into a property of its own',
    }
  }
}

// Must compile: what a reader of the generated code relies on.
import { matchThings, thingsAddress } from './expected/channels.js'
import { MESSAGES, type MessagePayloads } from './expected/messages.js'
import {
  type Alias,
  type Both,
  type Box,
  type BoxSize,
  COLOURS,
  type Colour,
  isColour,
  type Level,
  type Maybe,
  type Open,
  type Shape,
  type Tags,
  type Tree,
  type Weights,
} from './expected/models.js'
import { decodeThingsReceives, type ThingsReceives } from './expected/stubs.js'
import { validateShape } from './expected/validators.js'

/** A tagged union narrows, and a `switch` over it is exhaustive. */
export function area(shape: Shape): number {
  switch (shape.kind) {
    case 'circle':
      return shape.radius ** 2
    case 'box':
      return shape.size.width * shape.size.height
    default: {
      const never: never = shape
      return never
    }
  }
}

/** A validator is a type guard, also on what JSON.parse gives. */
export function areaOf(text: string): number | string {
  const value: unknown = JSON.parse(text)
  return validateShape(value) ? area(value) : (validateShape.errors?.[0]?.message ?? '')
}

export const size: BoxSize = { width: 1, height: 2 }
export const box: Box = { kind: 'box', size, note: null, mixed: ['a', 1], extra: [() => 0] }
// @ts-expect-error optional is not the same as undefined
export const wrong: Box = { kind: 'box', size, colour: undefined }
// @ts-expect-error fields are read-only
box.size = size

export const tags: Tags = ['a']
// @ts-expect-error lists are read-only
tags.push('b')

export const colours: readonly Colour[] = COLOURS
export const alias: Alias = isColour('red') ? 'red' : 'deep blue'
export const level: Level = 3
export const maybe: readonly Maybe[] = ['yes', null, true, "it's"]
export const weights: Weights = { a: 1 }
export const open: Open = { anything: weights }
export const both: Both = { l: 'x', r: weights }
export const tree: Tree = { name: 'root', children: [{ name: 'leaf' }] }
export const inline: MessagePayloads['Inline'] = { when: 'now', parts: [{ n: 1 }, {}] }

export const address: string = thingsAddress({ kind: 'a', id: '1' })
export const kind: 'a' | 'b' | undefined = matchThings(address)?.kind

/** A new operation in the spec makes this class incomplete. */
export class Handler implements ThingsReceives<string, number> {
  peerShape(message: Shape, context: string): number {
    return area(message) + context.length
  }
}

export const found: string = decodeThingsReceives({}).operation
export const guard: boolean = MESSAGES.Shape.validate(box) && MESSAGES.Shape.contentType === 'application/json'

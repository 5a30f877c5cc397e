import type { ErrorSpec, FrameUnit, Limit, PlatformSpec } from '../ir.js'
import type { SpecNode } from './node.js'

/** Reads `x-wgrok-limits`. */
export function readLimits(root: SpecNode): Limit[] {
  return root.children('x-wgrok-limits').map(([name, node]) => ({
    name,
    value: node.number('value'),
    unit: node.string('unit'),
    doc: node.string('doc').trim(),
    ...node.optional('wire', node.text('wire') as Limit['wire']),
    pointer: node.pointer,
  }))
}

/** Reads `x-wgrok-platforms`. */
export function readPlatforms(root: SpecNode): PlatformSpec[] {
  return root.children('x-wgrok-platforms').map(([name, node]) => {
    const frame = node.get('frame')
    const costs = frame.children('costs').map(([char, cost]) => ({ char, cost: Number(cost.value) }))
    return {
      name,
      size: frame.number('size'),
      unit: frame.string('unit') as FrameUnit,
      ...node.optional('costs', costs.length === 0 ? undefined : costs),
      ...node.optional('fragile', node.maybe('fragile') === undefined ? undefined : node.string('fragile')),
      doc: node.text('doc') ?? '',
      pointer: node.pointer,
    }
  })
}

/** Reads `x-wgrok-errors`. */
export function readErrors(root: SpecNode): ErrorSpec[] {
  return root.children('x-wgrok-errors').map(([code, node]) => ({
    code,
    status: node.number('status'),
    retryable: node.flag('retryable'),
    meaning: node.string('meaning').trim(),
    pointer: node.pointer,
  }))
}

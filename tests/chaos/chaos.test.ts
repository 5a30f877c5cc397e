import { describe, expect, it } from 'vitest'
import { runChaos, verdict } from './chaos.js'

describe('a router that is killed again and again', () => {
  it('delivers every accepted message, in order and once', async () => {
    const lines: string[] = []
    const figures = await runChaos({ messages: 10_000, kills: 10, log: line => lines.push(line) })
    expect(verdict(figures)).toEqual([])
    expect(figures).toMatchObject({ accepted: 10_000, delivered: 10_000, lost: 0, outOfOrder: 0, clean: true })
  }, 600_000)
})

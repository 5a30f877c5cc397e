import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Deque } from '../../src/spool/deque.js'
import { MemorySpool } from '../../src/spool/memory.js'
import { memoryLogger } from '../bus/fakes.js'
import { describeSpool, drain, entry } from './suite.js'

describeSpool('memory', async () => new MemorySpool())

describe('a full lane in memory', () => {
  it('drops its oldest message with a warning, and no other lane does', async () => {
    const logger = memoryLogger()
    const spool = new MemorySpool({ laneMax: 3, logger })
    for (const text of ['1', '2', '3', '4', '5']) spool.append(entry('a', text))
    spool.append(entry('b', '1'))
    expect(await drain(spool, 'a')).toEqual(['3', '4', '5'])
    expect(await drain(spool, 'b')).toEqual(['1'])
    expect(spool.stats()).toMatchObject({ dropped: 2, messages: 0, bytes: 0 })
    expect(logger.lines).toMatchObject([
      { level: 'warn', fields: { code: 'lane-full', lane: 'a', dropped: 1 } },
      { level: 'warn', fields: { dropped: 2 } },
    ])
  })

  it('keeps what is being sent', async () => {
    const spool = new MemorySpool({ laneMax: 1 })
    spool.append(entry('a', '1'))
    const lent = spool.take('a')
    spool.append(entry('a', '2'))
    spool.append(entry('a', '3'))
    lent?.ack()
    expect(await drain(spool, 'a')).toEqual(['3'])
  })
})

describe('Deque', () => {
  it('is a queue', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 300 }), pushes => {
        const deque = new Deque<number>()
        const model: number[] = []
        for (const [index, push] of pushes.entries()) {
          if (push) {
            deque.push(index)
            model.push(index)
          } else expect(deque.shift()).toBe(model.shift())
          expect([deque.length, deque.peek()]).toEqual([model.length, model[0]])
        }
      }),
    )
  })
})

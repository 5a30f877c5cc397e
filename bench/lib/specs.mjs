import { stringify } from 'yaml'

/**
 * A spec of `count` channels, each with two messages of two schemas and an operation for each: what a protocol has that
 * grows. Without a problem for the linter, so that the whole way is gone.
 */
export function specOf(count) {
  const spec = { asyncapi: '3.0.0', info: { title: 'grown', version: '1.0.0' }, 'x-wgrok-perspective': 'router' }
  const [channels, operations, messages, schemas] = [{}, {}, {}, {}]
  for (let i = 0; i < count; i++) {
    for (const word of ['Ask', 'Tell']) {
      const name = `${word}${i}`
      const type = `${word.toLowerCase()}${i}`
      schemas[`${name}Detail`] = detailOf(i)
      schemas[name] = bodyOf(name, type)
      messages[name] = {
        contentType: 'application/json',
        payload: ref('schemas', name),
        examples: [
          { name: 'small', payload: { type } },
          { name: 'full', payload: { type, key: 'k', size: 3, tags: ['a'], detail: { id: 'd', note: 'n', level: 1 } } },
        ],
      }
    }
    channels[`link${i}`] = {
      address: `/link${i}`,
      messages: { [`Ask${i}`]: ref('messages', `Ask${i}`), [`Tell${i}`]: ref('messages', `Tell${i}`) },
    }
    operations[`peerAsk${i}`] = operationOf('receive', i, `Ask${i}`)
    operations[`routerTell${i}`] = operationOf('send', i, `Tell${i}`)
  }
  return stringify(
    { ...spec, channels, operations, components: { messages, schemas } },
    { aliasDuplicateObjects: false },
  )
}

function bodyOf(name, type) {
  return {
    type: 'object',
    description: `Body of ${name}.`,
    required: ['type'],
    properties: {
      type: { type: 'string', const: type },
      key: { type: 'string', minLength: 1, maxLength: 64, description: 'What it is about.' },
      size: { type: 'integer', minimum: 0, maximum: 1000 },
      tags: { type: 'array', maxItems: 10, items: { type: 'string', maxLength: 20 } },
      detail: ref('schemas', `${name}Detail`),
    },
  }
}

function detailOf(i) {
  return {
    type: 'object',
    description: `Detail number ${i}.`,
    required: ['id'],
    properties: {
      id: { type: 'string' },
      note: { type: 'string', maxLength: 100 },
      level: { type: 'integer', minimum: 0, maximum: 9 },
    },
  }
}

function operationOf(action, i, message) {
  return {
    action,
    channel: { $ref: `#/channels/link${i}` },
    messages: [{ $ref: `#/channels/link${i}/messages/${message}` }],
  }
}

function ref(kind, name) {
  return { $ref: `#/components/${kind}/${name}` }
}

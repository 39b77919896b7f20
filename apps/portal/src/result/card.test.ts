import { expect, test } from 'vitest'
import { cardOf, wordsOfName } from './card.ts'

const point = {
  threshold: 0.1,
  truePositives: 9,
  falsePositives: 2,
  trueNegatives: 8,
  falseNegatives: 1,
}

test('what is known by name is read, and the rest is kept', () => {
  const card = cardOf({
    task: 'a task',
    use: 'a use',
    limits: ['one', 2, 'three'],
    operatingPoints: { screening: { ...point, accuracy: 0.85 }, broken: { threshold: 0.5 } },
    published: [{ name: 'theirs', auc: 0.9 }, { auc: 0.8 }],
    metrics: { test: { auc: 0.98 } },
  })
  expect(card).toMatchObject({ task: 'a task', use: 'a use', limits: ['one', 'three'] })
  expect(card.points).toEqual([{ name: 'screening', ...point }])
  expect(card.published).toEqual([
    { name: 'theirs', auc: 0.9, accuracy: undefined, note: undefined },
  ])
  expect(card.rest).toEqual({ metrics: { test: { auc: 0.98 } } })
})

test('whatever comes in place of a card is a card without content', () => {
  for (const json of [undefined, null, 'text', 7, [], { limits: 'x', operatingPoints: [1] }])
    expect(cardOf(json)).toMatchObject({ limits: [], points: [], published: [] })
})

test('names become words', () => {
  expect(wordsOfName('accuracyAtHalf')).toBe('Accuracy at half')
  expect(wordsOfName('auc')).toBe('AUC')
  expect(wordsOfName('sha256')).toBe('SHA256')
})

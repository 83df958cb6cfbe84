// Talking on a phone: nothing hovers there, and Enter of the keyboard on the screen begins a line.
import assert from 'node:assert/strict';
import { story } from '../world/story.mjs';

export function tell(context) {
  story(context, 'on a phone every message can be answered, and a message has lines', async (world) => {
    const room = await world.program.room('alice', { name: 'Pocket', slug: 'pocket' });
    await world.program.say('bob', room, 'The first of a row');
    await world.program.say('bob', room, 'The second of a row');
    const alice = await world.visitor('alice', { phone: true });
    const { page } = alice;
    await alice.enter('/city/pocket');
    const second = alice.message('The second of a row');
    await second.getByRole('button', { name: 'Reply to Bob' }).tap();
    await alice.composer.pressSequentially('One line');
    await alice.composer.press('Enter');
    await alice.composer.pressSequentially('and another');
    assert.equal(await alice.composer.inputValue(), 'One line\nand another');
    await page.getByRole('button', { name: 'Send', exact: true }).tap();
    const answer = alice.message('and another');
    await answer.getByRole('button', { name: /Bob.*The second of a row/ }).waitFor();
    assert.match(await answer.textContent(), /One line\s*and another/);
    // Each button belongs to one row, and none stands upon another.
    const boxes = await page.getByRole('button', { name: /^Reply to/ }).evaluateAll((buttons) =>
      buttons.map((button) => button.getBoundingClientRect()).map(({ top, bottom }) => ({ top, bottom })));
    boxes.sort((one, other) => one.top - other.top);
    assert.equal(boxes.length, 3);
    for (const [index, box] of boxes.slice(1).entries()) assert.ok(box.top >= boxes[index].bottom, 'apart');
  });
}

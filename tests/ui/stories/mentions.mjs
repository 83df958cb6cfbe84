// Calling for somebody: by an @ in the composer, as a chip in the text, marked for whoever is called.
import assert from 'node:assert/strict';
import { LOOKS, violations } from '../world/axe.mjs';
import { story } from '../world/story.mjs';

const options = (visitor) => visitor.page.getByRole('listbox', { name: 'People to mention' }).getByRole('option');

export function tell(context) {
  story(context, 'an @ offers the people of the room, and whoever is called sees it marked', async (world) => {
    const room = await world.program.room('alice', { name: 'Callers', slug: 'callers' });
    for (const name of ['bob', 'olena', 'taras']) await world.matrix[name].join(room.matrix_room_id);
    const alice = await world.visitor('alice');
    const bob = await world.visitor('bob');
    await Promise.all([alice, bob].map((visitor) => visitor.enter('/city/callers')));
    await alice.page.getByRole('button', { name: '4 people in the room' }).or(alice.page.getByRole('button', { name: '5 people in the room' })).waitFor();
    await alice.composer.pressSequentially('Good morning @');
    await options(alice).nth(2).waitFor();
    assert.equal(await options(alice).filter({ hasText: 'Alice' }).count(), 0, 'nobody calls for themselves');
    await alice.composer.press('ArrowDown');
    assert.equal(await options(alice).nth(1).getAttribute('aria-selected'), 'true');
    assert.equal(await alice.composer.getAttribute('aria-activedescendant'), await options(alice).nth(1).getAttribute('id'));
    await alice.composer.press('Escape');
    await options(alice).first().waitFor({ state: 'detached' });
    assert.equal(await alice.composer.inputValue(), 'Good morning @');
    await alice.composer.pressSequentially('bo');
    await options(alice).getByText('Bob', { exact: true }).waitFor();
    await alice.composer.press('Enter');
    assert.equal(await alice.composer.inputValue(), 'Good morning @Bob ');
    await alice.composer.pressSequentially('and @ол');
    await options(alice).getByText('Олена', { exact: true }).click();
    await alice.composer.pressSequentially('**today**');
    await alice.composer.press('Enter');
    for (const [visitor, word] of [[alice, 'other'], [bob, 'me']]) {
      const row = visitor.message('Good morning');
      await row.locator(`.call.${word}`, { hasText: '@Bob' }).waitFor();
      await row.locator('.call.other', { hasText: '@Олена' }).waitFor();
    }
    await bob.message('Good morning').getByText('Calls for you.').waitFor({ state: 'attached' });
    assert.match(await bob.message('Good morning').getAttribute('class'), /mine/);
    assert.doesNotMatch((await alice.message('Good morning').getAttribute('class')) ?? '', /mine/);
    const path = `/rooms/${encodeURIComponent(room.matrix_room_id)}/messages?dir=b&limit=3`;
    const { chunk } = await world.matrix.bob.call('GET', path);
    assert.deepEqual(chunk[0].content['m.mentions'].user_ids.toSorted(), ['@bob:city.localhost', '@olena:city.localhost']);

    // Whoever is taken out of the text is not called.
    await alice.composer.pressSequentially('Not @bo');
    await alice.composer.press('Tab');
    await alice.composer.fill('Not at all');
    await alice.composer.press('Enter');
    await bob.message('Not at all').waitFor();
    assert.doesNotMatch((await bob.message('Not at all').getAttribute('class')) ?? '', /mine/);
    // As Element calls for somebody.
    await world.matrix.olena.send(room.matrix_room_id, {
      msgtype: 'm.text',
      body: 'Bob: ready',
      format: 'org.matrix.custom.html',
      formatted_body: '<a href="https://matrix.to/#/@bob:city.localhost">Bob</a>: ready',
      'm.mentions': { user_ids: ['@bob:city.localhost'] },
    });
    await bob.message('ready').locator('.call', { hasText: 'Bob' }).waitFor();
    assert.match(await bob.message('ready').getAttribute('class'), /mine/);
  });

  story(context, 'who is called is readable in each look, and so is the list', async (world) => {
    const room = await world.program.room('alice', { name: 'Called', slug: 'called' });
    for (const name of ['bob', 'olena']) await world.matrix[name].join(room.matrix_room_id);
    await world.program.say('bob', room, '@Alice, the kiln is free. Tell @Олена', { mentions: ['user:alice', 'user:olena'] });
    for (const look of LOOKS) {
      for (const phone of [false, true]) {
        const alice = await world.visitor('alice', { ...look, phone });
        const { page } = alice;
        await alice.enter('/city/called');
        await alice.message('the kiln').locator('.call.me').waitFor();
        await alice.composer.pressSequentially('@');
        await page.getByRole('option').first().waitFor();
        assert.deepEqual(await violations(page), [], `${look.theme}, ${look.language}`);
        await page.screenshot({ path: `${world.pictures}mentions-${phone ? 'phone-' : ''}${look.theme}-${look.language}.png` });
      }
    }
  });
}

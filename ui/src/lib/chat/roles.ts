// Roles, as the reader calls them, and what each of them may.
import { m } from '$lib/paraglide/messages';
import type { Role } from './rights';

const NAMES = {
  owner: m.role_owner,
  admin: m.role_admin,
  moderator: m.role_moderator,
  member: m.role_member,
  guest: m.role_guest,
} as const;

const MEANINGS = {
  owner: m.role_owner_means,
  admin: m.role_admin_means,
  moderator: m.role_moderator_means,
  member: m.role_member_means,
  guest: m.role_guest_means,
} as const;

export const nameOfRole = (role: Role): string => NAMES[role]();
export const meaningOfRole = (role: Role): string => MEANINGS[role]();

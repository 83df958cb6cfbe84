// The names of the doctor's checks, in the reader's language. The compiler wants one for each check
// that the API describes.
import type { Schemas } from '$lib/api/client';
import { m } from '$lib/paraglide/messages';

type Check = Schemas['DoctorCheck'];

const NAMES: Readonly<Record<Check, () => string>> = {
  homeserver: m.admin_check_homeserver,
  versions: m.admin_check_versions,
  clock: m.admin_check_clock,
  as_token: m.admin_check_as_token,
  connector_url: m.admin_check_connector_url,
  hs_token: m.admin_check_hs_token,
  act_as_users: m.admin_check_act_as_users,
  act_as_agents: m.admin_check_act_as_agents,
  room_version: m.admin_check_room_version,
  canary_room: m.admin_check_canary_room,
  aliases: m.admin_check_aliases,
  directory: m.admin_check_directory,
  canary: m.admin_check_canary,
  ephemeral: m.admin_check_ephemeral,
  presence: m.admin_check_presence,
  data_dir: m.admin_check_data_dir,
  disk: m.admin_check_disk,
  insecure_user_header: m.admin_check_insecure_user_header,
  configuration: m.admin_check_configuration,
  daemon: m.admin_check_daemon,
};

/** A check that is newer than this page is called as the doctor calls it. */
export const checkName = (id: Check): string => NAMES[id]?.() ?? id;

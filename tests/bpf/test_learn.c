// SPDX-License-Identifier: Apache-2.0
/* The FDB as the data path keeps it: learning, moves, limits and the events it tells. */
#include "bpf_test.h"

#include <time.h>

#include "kernel/ecswitch.skel.h"

static const uint8_t roamer[6] = {2, 0, 0, 0, 7, 7};

static void two_vms(struct bt *bt)
{
	bt_network(bt, BT_NETWORK);
	bt_vm(bt, 0, BT_NETWORK, 0);
	bt_vm(bt, 1, BT_NETWORK, 0);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void set_times(struct bt *bt, const uint8_t *mac, uint64_t seen_ns, uint64_t moved_ns)
{
	struct ecs_fdb_key key = {.network = BT_NETWORK};
	struct ecs_fdb_entry entry;

	memcpy(key.mac, mac, 6);
	assert_true(bt_fdb_get(bt, BT_NETWORK, mac, &entry));
	entry.seen_ns = seen_ns;
	entry.moved_ns = moved_ns;
	entry.checked -= 1000; /* the data path looks at its clock again */
	bpf_map_update_elem(bpf_map__fd(bt->bpf->maps.ecs_fdb), &key, &entry, BPF_EXIST);
	bt_fdb_changed(bt);
}

static void source_is_learned_counted_and_told(void **state)
{
	struct bt *bt = *state;
	struct ecs_fdb_entry entry;

	two_vms(bt);
	bt_run_vm(bt, 0, bt_broadcast, roamer);
	assert_true(bt_fdb_get(bt, BT_NETWORK, roamer, &entry));
	assert_int_equal(entry.ifindex, bt->end[0].ifindex);
	assert_int_equal(entry.flags, 0);
	assert_true(now_ns() - entry.seen_ns < 1000000000u);
	assert_int_equal(bt_fdb_used(bt, BT_NETWORK), 1);
	assert_int_equal(bt_fdb_used(bt, 0), 1);
	assert_int_equal(bt_events(bt), 1);
	assert_int_equal(bt->event.type, ECS_EVENT_FDB_LEARNED);
	assert_int_equal(bt->event.ifindex, bt->end[0].ifindex);
	assert_int_equal(bt->event.network, BT_NETWORK);
	assert_memory_equal(bt->event.mac, roamer, 6);
}

static void known_source_is_refreshed_once_a_second_at_most(void **state)
{
	struct bt *bt = *state;
	struct ecs_fdb_entry entry;
	uint64_t recent = now_ns() - 500000000u;

	two_vms(bt);
	bt_run_vm(bt, 0, bt_broadcast, roamer);
	set_times(bt, roamer, recent, 0);
	bt_run_vm(bt, 0, bt_broadcast, roamer);
	bt_fdb_get(bt, BT_NETWORK, roamer, &entry);
	assert_int_equal(entry.seen_ns, recent);
	set_times(bt, roamer, now_ns() - 1500000000u, 0);
	bt_run_vm(bt, 0, bt_broadcast, roamer);
	bt_fdb_get(bt, BT_NETWORK, roamer, &entry);
	assert_true(now_ns() - entry.seen_ns < 1000000000u);
	assert_int_equal(bt_fdb_used(bt, 0), 1);
}

static void address_that_moves_is_followed_and_told(void **state)
{
	struct bt *bt = *state;
	struct ecs_fdb_entry entry;

	two_vms(bt);
	bt_run_vm(bt, 0, bt_broadcast, roamer);
	bt_events(bt);
	bt_run_vm(bt, 1, bt_broadcast, roamer);
	bt_fdb_get(bt, BT_NETWORK, roamer, &entry);
	assert_int_equal(entry.ifindex, bt->end[1].ifindex);
	assert_int_equal(entry.moves, 1);
	assert_int_equal(bt_stats(bt, bt_slot(1)).fdb_moved, 1);
	assert_int_equal(bt_events(bt), 1);
	assert_int_equal(bt->event.type, ECS_EVENT_FDB_MOVED);
	assert_int_equal(bt->event.ifindex, bt->end[1].ifindex);
	assert_int_equal(bt->event.old_ifindex, bt->end[0].ifindex);
	assert_int_equal(bt_fdb_used(bt, 0), 1);
}

static void flapping_address_is_told_once_in_100_ms(void **state)
{
	struct bt *bt = *state;

	two_vms(bt);
	bt_run_vm(bt, 0, bt_broadcast, roamer);
	bt_run_vm(bt, 1, bt_broadcast, roamer);
	set_times(bt, roamer, now_ns(), now_ns());
	bt_events(bt);
	bt_run_vm(bt, 0, bt_broadcast, roamer);
	assert_int_equal(bt_events(bt), 0);
	set_times(bt, roamer, now_ns(), now_ns() - 200000000u);
	bt_run_vm(bt, 1, bt_broadcast, roamer);
	assert_int_equal(bt_events(bt), 1);
	assert_int_equal(bt_stats(bt, bt_slot(1)).fdb_moved, 2);
}

static void static_entry_never_moves(void **state)
{
	struct bt *bt = *state;
	struct ecs_fdb_entry entry;

	two_vms(bt);
	bt_fdb_set(bt, BT_NETWORK, roamer, bt->end[0].ifindex, ECS_FDB_STATIC);
	bt_run_vm(bt, 1, bt_broadcast, roamer);
	bt_fdb_get(bt, BT_NETWORK, roamer, &entry);
	assert_int_equal(entry.ifindex, bt->end[0].ifindex);
	assert_int_equal(entry.moves, 0);
	assert_int_equal(entry.seen_ns, 0);
	assert_int_equal(bt_events(bt), 0);
}

static void same_address_in_two_networks_is_two_entries(void **state)
{
	struct bt *bt = *state;
	struct ecs_fdb_entry entry;

	two_vms(bt);
	bt_network(bt, 2);
	bt_vm(bt, 2, 2, 0);
	bt_run_vm(bt, 0, bt_broadcast, roamer);
	bt_run_vm(bt, 2, bt_broadcast, roamer);
	bt_fdb_get(bt, BT_NETWORK, roamer, &entry);
	assert_int_equal(entry.ifindex, bt->end[0].ifindex);
	bt_fdb_get(bt, 2, roamer, &entry);
	assert_int_equal(entry.ifindex, bt->end[2].ifindex);
	assert_int_equal(bt_fdb_used(bt, 0), 2);
}

/* Both were asked for a moment ago, and each CPU remembers the answers. */
static void forgotten_addresses_are_learned_and_flooded_at_once(void **state)
{
	struct bt *bt = *state;
	struct ecs_fdb_entry entry;
	struct ecs_fdb_key keys[2] = {{.network = BT_NETWORK}, {.network = BT_NETWORK}};

	two_vms(bt);
	memcpy(keys[0].mac, roamer, 6);
	memcpy(keys[1].mac, bt->end[1].far_mac, 6);
	bt_fdb_set(bt, BT_NETWORK, bt->end[1].far_mac, bt->end[1].ifindex, 0);
	for (int i = 0; i < 3; i++)
		bt_run_vm(bt, 0, bt->end[1].far_mac, roamer);
	assert_int_equal(bt_stats(bt, bt_slot(0)).flooded, 0);
	for (int i = 0; i < 2; i++)
		bpf_map_delete_elem(bpf_map__fd(bt->bpf->maps.ecs_fdb), &keys[i]);
	bt_fdb_changed(bt);
	bt_run_vm(bt, 0, bt->end[1].far_mac, roamer);
	assert_true(bt_fdb_get(bt, BT_NETWORK, roamer, &entry));
	assert_int_equal(bt_stats(bt, bt_slot(0)).flooded, 1);
}

static void frames_follow_an_address_that_moves(void **state)
{
	struct bt *bt = *state;

	two_vms(bt);
	bt_vm(bt, 2, BT_NETWORK, 0);
	bt_run_vm(bt, 1, bt_broadcast, roamer);
	for (int i = 0; i < 3; i++)
		bt_run_vm(bt, 0, roamer, bt->end[0].far_mac);
	bt_run_vm(bt, 2, bt_broadcast, roamer);
	for (int i = 0; i < 2; i++)
		bt_run_vm(bt, 0, roamer, bt->end[0].far_mac);
	bt_run_vm(bt, 1, bt_broadcast, roamer);
	bt_run_vm(bt, 0, roamer, bt->end[0].far_mac);
	assert_int_equal(bt_stats(bt, bt_slot(1)).fdb_moved, 1);
	assert_int_equal(bt_stats(bt, bt_slot(2)).fdb_moved, 1);
	/* Each also got the broadcasts of the two others. */
	assert_int_equal(bt_stats(bt, bt_slot(1)).tx_packets, 3 + 1 + 1);
	assert_int_equal(bt_stats(bt, bt_slot(2)).tx_packets, 1 + 2 + 1);
}

static void learn_many(struct bt *bt, uint32_t from, uint32_t to)
{
	uint8_t mac[6] = {2, 0, 8};

	for (uint32_t i = from; i < to; i++) {
		mac[3] = (uint8_t)(i >> 16);
		mac[4] = (uint8_t)(i >> 8);
		mac[5] = (uint8_t)i;
		bt_run_vm(bt, 0, bt->end[1].far_mac, mac);
	}
}

static void network_limit_stops_learning_and_nothing_else(void **state)
{
	struct bt *bt = *state;
	struct ecs_network network;

	two_vms(bt);
	bt_network_get(bt, BT_NETWORK, &network);
	network.fdb_limit = 3;
	bt_network_set(bt, BT_NETWORK, &network);
	learn_many(bt, 0, 5);
	assert_int_equal(bt_fdb_used(bt, BT_NETWORK), 3);
	assert_int_equal(bt_stats(bt, bt_slot(0)).fdb_full, 2);
	assert_int_equal(bt_events(bt), 4); /* three learned, one that tells of both others */
	assert_int_equal(bt->event.type, ECS_EVENT_FDB_FULL);
	assert_int_equal(bt->event.network, BT_NETWORK);
	assert_int_equal(bt_drops_total(bt), 0);
}

static void full_table_floods_and_keeps_what_it_has(void **state)
{
	struct bt *bt = *state;
	struct ecs_fdb_entry entry;
	uint32_t size = bpf_map__max_entries(bt->bpf->maps.ecs_fdb);

	two_vms(bt);
	bt_fdb_set(bt, BT_NETWORK, bt->end[1].far_mac, bt->end[1].ifindex, ECS_FDB_STATIC);
	learn_many(bt, 0, size + 10);
	assert_int_equal(bt_fdb_used(bt, 0), size - 1);
	assert_int_equal(bt_stats(bt, bt_slot(0)).fdb_full, 11);
	assert_true(bt_fdb_get(bt, BT_NETWORK, bt->end[1].far_mac, &entry));
	assert_int_equal(bt_run_vm(bt, 0, bt_nobody, roamer), TC_ACT_REDIRECT);
	assert_int_equal(bt_stats(bt, bt_slot(0)).flooded, 1);
	assert_int_equal(bt_drops_total(bt), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BT_TEST(source_is_learned_counted_and_told),
		BT_TEST(known_source_is_refreshed_once_a_second_at_most),
		BT_TEST(address_that_moves_is_followed_and_told),
		BT_TEST(flapping_address_is_told_once_in_100_ms),
		BT_TEST(static_entry_never_moves),
		BT_TEST(forgotten_addresses_are_learned_and_flooded_at_once),
		BT_TEST(frames_follow_an_address_that_moves),
		BT_TEST(same_address_in_two_networks_is_two_entries),
		BT_TEST(network_limit_stops_learning_and_nothing_else),
		BT_TEST(full_table_floods_and_keeps_what_it_has),
	};

	return cmocka_run_group_tests(tests, bt_group_setup, bt_group_teardown);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases for the slice table: each returns "" or what is wrong
 */
#ifndef CXLFLASH_TABLE_CASES_H
#define CXLFLASH_TABLE_CASES_H

#include "table_model.h"

/* --------------------------------------------------------------- steps */

static int case_create(struct model_slice *m)
{
	struct table_slice_info info = { .name = "name" };
	int ret;

	m->id = tc.next_id++;
	m->nr_blocks = 1 + sim_rand(&tc.seed) % (MODEL_CHUNKS * CASE_BLOCKS);
	m->nr_chunks = (m->nr_blocks + CASE_BLOCKS - 1) / CASE_BLOCKS;
	case_uuid(&info.uuid, m->id);
	info.nr_blocks = m->nr_blocks;
	info.flags = m->id;
	ret = table_slice_create(&tc.lun, &info);
	if (ret)
		m->id = 0;
	else if (*case_learn(m, 0))
		ret = -EUCLEAN;
	return ret;
}

static int case_resize(struct model_slice *m)
{
	struct model_slice old = *m;
	uuid_t uuid;
	int ret;

	m->nr_blocks = 1 + sim_rand(&tc.seed) % (MODEL_CHUNKS * CASE_BLOCKS);
	m->nr_chunks = (m->nr_blocks + CASE_BLOCKS - 1) / CASE_BLOCKS;
	case_uuid(&uuid, m->id);
	ret = table_slice_resize(&tc.lun, &uuid, m->nr_blocks);
	if (ret)
		*m = old;
	else if (*case_learn(m, min(old.nr_chunks, m->nr_chunks)))
		ret = -EUCLEAN;
	return ret;
}

/* As a slice would do it: the flush of the data is the user's. */
static int case_write(struct model_slice *m)
{
	u32 at = sim_rand(&tc.seed) % m->nr_chunks, chunk;
	uuid_t uuid;
	int ret;

	case_uuid(&uuid, m->id);
	ret = table_slice_map(&tc.lun, &uuid, at, 1, &chunk);
	if (!ret && chunk & TABLE_UNWRITTEN)
		ret = chunk_clear(&tc.lun, chunk & ~TABLE_UNWRITTEN);
	if (ret)
		return ret;
	sim_write_chunk(chunk & ~TABLE_UNWRITTEN, m->id);
	ret = store_flush_sync(&sim.st);
	if (!ret)
		ret = table_slice_set_written(&tc.lun, &uuid, at);
	if (ret)
		return ret;
	m->written[at] = true;
	m->acked[at] = true;
	return 0;
}

static int case_delete(struct model_slice *m)
{
	uuid_t uuid;
	int ret;

	case_uuid(&uuid, m->id);
	ret = table_slice_delete(&tc.lun, &uuid);
	if (!ret)
		memset(m, 0, sizeof(*m));
	return ret;
}

/* The model is changed only if it works. */
static int case_step(void)
{
	struct model_slice *m;

	m = &tc.new.slice[sim_rand(&tc.seed) % MODEL_SLICES];
	if (!m->id)
		return case_create(m);
	switch (sim_rand(&tc.seed) % 4) {
	case 0:
		return case_delete(m);
	case 1:
		return case_resize(m);
	default:
		return case_write(m);
	}
}

/* --------------------------------------------------------------- cases */

static const char *table_case_power_cuts(u32 seed, unsigned int steps)
{
	const char *wrong = case_begin(seed);
	int ret;

	while (steps-- && !*wrong) {
		tc.old = tc.new;
		ret = case_step();
		if (ret && ret != -ENOSPC)
			wrong = "step";
		if (!*wrong)
			wrong = case_agrees(&tc.lun, &tc.new);
		if (!*wrong)
			wrong = case_cut_everywhere();
		sim_settle();
	}
	return case_end(wrong);
}

/*
 * One I/O fails in each step, and the disk may have done it all the same: the
 * step has no effect, also not after a cut once it has returned.
 */
static const char *table_case_errors(u32 seed, unsigned int steps)
{
	const char *wrong = case_begin(seed);
	u32 mode;
	int ret;

	while (steps-- && !*wrong) {
		sim.nr_io = 0;
		sim.fail_at = 1 + sim_rand(&tc.seed) % 12;
		sim.fail_nr = 1;
		ret = case_step();
		sim.fail_at = 0;
		if (ret && ret != -ENOSPC && ret != -EIO)
			wrong = "step";
		if (!*wrong)
			wrong = case_agrees(&tc.lun, &tc.new);
		/* A failed body leaves pieces in the cache, which may go. */
		for (mode = 0; mode < CASE_CUTS && !*wrong; mode++) {
			sim_power_cut(sim.nr_log, mode, &tc.seed);
			wrong = case_load_cut(true, false);
		}
		sim_settle();
	}
	return case_end(wrong);
}

/* While the disk fails, nothing changes; when it works again, all goes on. */
static const char *table_case_outage(u32 seed, unsigned int steps)
{
	const char *wrong = case_begin(seed);
	int ret;

	while (steps-- && !*wrong) {
		tc.old = tc.new;
		sim.nr_io = 0;
		sim.fail_at = 1 + sim_rand(&tc.seed) % 12;
		sim.fail_nr = 1 + sim_rand(&tc.seed) % 40;
		do {
			ret = case_step();
			if (ret && ret != -ENOSPC && ret != -EIO)
				wrong = "step";
			if (!*wrong)
				wrong = case_agrees(&tc.lun, &tc.new);
		} while (sim.nr_io < sim.fail_at + sim.fail_nr && !*wrong);
		sim.fail_at = 0;
		do
			ret = case_step();
		while (ret == -ENOSPC);
		if (ret)
			wrong = "it does not go on";
		if (!*wrong) {
			sim_power_cut(sim.nr_log, 2, &tc.seed);
			wrong = case_load_cut(true, false);
		}
		sim_settle();
	}
	return case_end(wrong);
}

/* What a disk says is never trusted: bits flip, with right checksums, too. */
static const char *table_case_garbage(u32 seed, unsigned int steps)
{
	const char *wrong = case_begin(seed);
	struct cxlflash_lun *lun = &tc.after_cut;
	struct table_sb_disk *sb;
	u32 i, copy;

	for (i = 0; i < 12 && !*wrong; i++)
		case_step();
	while (steps-- && !*wrong) {
		sim_copy_image(&sim.cut, &sim.now);
		for (copy = 0; copy < 2; copy++) {
			u8 *area = sim.cut.bytes + copy * SIM_AREA;

			sb = (struct table_sb_disk *)area;
			for (i = sim_rand(&tc.seed) % 4; i; i--)
				area[sim_rand(&tc.seed) % 5500] ^=
					1 << sim_rand(&tc.seed) % 8;
			if (sim_rand(&tc.seed) % 4)
				sb->body_crc = cpu_to_le32(crc32c(~0U,
					area + TABLE_SB_BYTES,
					min_t(u64, le64_to_cpu(sb->body_len),
					      SIM_AREA - TABLE_SB_BYTES)));
			table_sb_seal(sb);
		}
		sim_lun_init(lun);
		sim.io = &sim.cut;
		/* Any answer will do, but no harm. */
		if (!table_probe(lun) && lun->formatted &&
		    !table_activate(lun) &&
		    lun->table->nr_mapped + chunk_map_free(lun->chunks) !=
		    SIM_CHUNKS - 1)
			wrong = "more or fewer chunks than there are";
		table_close(lun);
		sim.io = &sim.now;
		sim.wrong_access = false;
	}
	return case_end(wrong);
}

/* Slices of two chunks that do not touch, so each has two extents. */
static u32 case_add_slices(struct lun_table *tab, u32 nr)
{
	struct table_slice *sl;
	u32 i;

	for (i = 0; i < nr; i++) {
		sl = kzalloc(sizeof(*sl), GFP_KERNEL);
		if (!sl)
			return i;
		case_uuid(&sl->uuid, i + 1);
		sl->nr_blocks = CASE_BLOCKS + 1;
		sl->nr_chunks = 2;
		sl->chunk = kvcalloc(2, sizeof(u32), GFP_KERNEL);
		if (!sl->chunk) {
			kfree(sl);
			return i;
		}
		sl->chunk[0] = 2 * nr - i;
		sl->chunk[1] = (i + 1) | TABLE_UNWRITTEN;
		list_add_tail(&sl->node, &tab->slices);
		tab->nr_slices++;
	}
	return nr;
}

/* Thousands of slices, in a body of many pieces. */
static const char *table_case_large(u32 nr)
{
	const char *wrong = case_begin(1);
	struct table_slice *sl;
	struct lun_table *tab;
	u32 i = 0;

	sim.st.size = (2 * nr + 1) * SISL_CHUNK_BYTES;
	if (*wrong)
		return case_end(wrong);
	tab = table_begin(&tc.lun);
	if (IS_ERR(tab))
		return case_end("not active");
	if (case_add_slices(tab, nr) != nr || table_commit(tab))
		wrong = "commit";
	else if (le64_to_cpu(tab->sb->body_len) !=
		 round_up(nr * (128 + 2 * 16), 4096))
		wrong = "length of the body";
	else if (table_load(tab) || tab->nr_slices != nr ||
		 tab->nr_mapped != 2 * nr || chunk_map_free(tab->chunks))
		wrong = "load";
	else
		list_for_each_entry(sl, &tab->slices, node)
			if (sl->chunk[0] != 2 * nr - i++ ||
			    sl->chunk[1] != (i | TABLE_UNWRITTEN))
				wrong = "a slice is another";
	tc.lun.chunks = tab->chunks;
	table_end(tab);
	return case_end(wrong);
}

static struct lun_table *case_reload(struct cxlflash_lun *lun, int *ret)
{
	sim_settle();
	sim_lun_init(lun);
	*ret = table_probe(lun);
	if (!*ret)
		*ret = lun->formatted ? table_activate(lun) : -ENOENT;
	return lun->table;
}

static void case_flip(unsigned int copy, u32 at)
{
	sim.now.bytes[copy * SIM_AREA + at] ^= 0x10;
}

/* Damage, beyond what a cut can do: first in the newest copy, then in both. */
static const char *case_damage(u32 at)
{
	struct cxlflash_lun *lun = &tc.after_cut;
	unsigned int newest, nr_slices;
	struct lun_table *tab;
	int ret;

	tab = case_reload(lun, &ret);
	if (!tab)
		return "undamaged";
	newest = tab->copy;
	nr_slices = tab->nr_slices;
	table_put(tab);
	case_flip(newest, at);
	tab = case_reload(lun, &ret);
	/* Taking it has written the damaged copy anew. */
	if (!tab || tab->nr_slices != nr_slices || tab->copy != newest)
		return "the other copy was not taken";
	table_put(tab);
	case_flip(0, at);
	case_flip(1, at);
	if (case_reload(lun, &ret) || ret != -EUCLEAN)
		return "damage was not seen";
	if (at < TABLE_SB_BYTES && table_format(lun, false) != -EUCLEAN)
		return "damaged and formatted without force";
	case_flip(0, at);
	case_flip(1, at);
	return "";
}

static const char *table_case_damage(u32 stride)
{
	struct table_slice_info info = { .name = "a", .nr_blocks = 1 };
	const char *wrong = case_begin(1);
	const struct table_sb_disk *sb;
	u32 at;

	case_uuid(&info.uuid, 1);
	if (!*wrong && table_slice_create(&tc.lun, &info))
		wrong = "create";
	/* So that both copies have it. */
	table_close(&tc.lun);
	for (at = 8; at < TABLE_SB_BYTES + 400 && !*wrong; at += stride)
		wrong = case_damage(at);
	/* What was there before a format must not come back. */
	if (!*wrong && table_format(&tc.lun, true))
		wrong = "format";
	for (at = 0; at < 2 && !*wrong; at++) {
		sb = (void *)(sim.now.bytes + at * SIM_AREA);
		if (table_sb_check(sb) || sb->nr_slices)
			wrong = "a copy of the time before the format";
	}
	return case_end(wrong);
}

static const char *case_other_machine(struct table_owner_disk *owner)
{
	struct cxlflash_lun *lun = &tc.after_cut;
	int ret;

	/* As another machine would have written it. */
	mutex_lock(&tc.lun.table->lock);
	*owner = tc.lun.table->owner;
	memcpy(tc.lun.table->owner.node, "elsewhere", 10);
	ret = table_commit(tc.lun.table);
	mutex_unlock(&tc.lun.table->lock);
	if (ret)
		return "commit";
	sim_lun_init(lun);
	if (table_probe(lun) || table_activate(lun) != -EBUSY)
		return "taken from another machine";
	if (table_format(lun, false) != -EBUSY)
		return "formatted under another machine";
	if (table_take_over(lun))
		return "not taken over";
	if (table_activate(lun) != -EBUSY || table_format(lun, true) != -EBUSY)
		return "active twice";
	table_deactivate(lun);
	if (table_activate(lun))
		return "not inactive";
	return "";
}

static const char *table_case_owners(void)
{
	const char *wrong = case_begin(1);
	struct table_slice_info info = { .name = "a", .nr_blocks = 1 };
	struct table_owner_disk owner;

	if (!*wrong)
		wrong = case_other_machine(&owner);
	case_uuid(&info.uuid, 1);
	if (!*wrong && table_slice_create(&tc.after_cut, &info))
		wrong = "create";
	table_deactivate(&tc.after_cut);
	if (!*wrong && table_format(&tc.after_cut, false) != -EEXIST)
		wrong = "formatted over slices";
	if (!*wrong && table_format(&tc.after_cut, true))
		wrong = "not formatted by force";
	if (!*wrong && (table_activate(&tc.after_cut) ||
			tc.after_cut.table->nr_slices))
		wrong = "slices of the time before";
	table_close(&tc.after_cut);
	return case_end(wrong);
}

static const char *case_errnos(struct cxlflash_lun *lun)
{
	struct table_slice_info info = { .name = "a", .nr_blocks = 1 };
	u32 chunk;

	if (table_slice_create(lun, &info) != -EINVAL)
		return "null UUID";
	case_uuid(&info.uuid, 1);
	strscpy(info.name, "a b", sizeof(info.name));
	if (table_slice_create(lun, &info) != -EINVAL)
		return "name with a blank";
	memset(info.name, 'x', sizeof(info.name));
	if (table_slice_create(lun, &info) != -EINVAL)
		return "name without an end";
	info.name[TABLE_NAME_LEN - 1] = 0;
	info.nr_blocks = 0;
	if (table_slice_create(lun, &info) != -EINVAL)
		return "no block";
	info.nr_blocks = ~0ULL;
	if (table_slice_create(lun, &info) != -ENOSPC)
		return "too many blocks";
	info.nr_blocks = CASE_BLOCKS + 1;
	if (table_slice_create(lun, &info))
		return "create";
	if (table_slice_create(lun, &info) != -EEXIST)
		return "the same UUID";
	if (table_slice_resize(lun, &info.uuid, 0) != -EINVAL ||
	    table_slice_resize(lun, &info.uuid, 1ULL << 40) != -ENOSPC)
		return "resize";
	if (table_slice_map(lun, &info.uuid, 1, 2, &chunk) != -ERANGE ||
	    table_slice_map(lun, &info.uuid, ~0U, 2, &chunk) != -ERANGE ||
	    table_slice_set_written(lun, &info.uuid, 2) != -ERANGE)
		return "beyond the end";
	case_uuid(&info.uuid, 2);
	if (table_slice_find(lun, &info.uuid, &info) != -ENOENT ||
	    table_slice_delete(lun, &info.uuid) != -ENOENT)
		return "another UUID";
	return "";
}

static const char *table_case_errnos(void)
{
	struct table_slice_info info = { .name = "a", .nr_blocks = 1 };
	const char *wrong = case_begin(1);

	if (!*wrong)
		wrong = case_errnos(&tc.lun);
	table_deactivate(&tc.lun);
	case_uuid(&info.uuid, 9);
	if (!*wrong && table_slice_create(&tc.lun, &info) != -ENODEV)
		wrong = "not active";
	sim.st.size = SISL_CHUNK_BYTES;
	if (!*wrong && table_format(&tc.lun, true) != -ENOSPC)
		wrong = "no room";
	sim.st.size = SIM_CHUNKS * SISL_CHUNK_BYTES;
	tc.lun.block_lg2 = 9;
	if (!*wrong && table_probe(&tc.lun) != -EINVAL)
		wrong = "another block size";
	return case_end(wrong);
}

#endif /* CXLFLASH_TABLE_CASES_H */

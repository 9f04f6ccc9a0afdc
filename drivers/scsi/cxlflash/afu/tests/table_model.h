/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The model of a slice table, and power cuts everywhere
 *
 * A list of slices and, for each of their chunks, whether it is written and
 * whether a write to it was acknowledged.  After every step the power is cut at
 * every entry of the disk's log, several times; what is then loaded must be the
 * model before the step or after it, and no slice may read what another has
 * written.
 */
#ifndef CXLFLASH_TABLE_MODEL_H
#define CXLFLASH_TABLE_MODEL_H

#define MODEL_SLICES	6
#define MODEL_CHUNKS	7
#define CASE_BLOCKS	65536	/* of a chunk */
#define CASE_CUTS	5	/* at each entry of the log */

struct model_slice {
	u32 id;			/* 0: not in use */
	u64 nr_blocks;
	u32 nr_chunks;
	bool written[MODEL_CHUNKS];
	bool acked[MODEL_CHUNKS];
};

struct model {
	struct model_slice slice[MODEL_SLICES];
};

static struct table_case {
	struct cxlflash_lun lun;
	struct cxlflash_lun after_cut;
	struct model old;
	struct model new;
	u32 next_id;
	u32 seed;
	bool no_flags;		/* slices have the flags 0, not their id */
} tc;

static void case_uuid(uuid_t *uuid, u32 id)
{
	u8 bytes[16] = { 0x5a };

	memcpy(bytes + 4, &id, sizeof(id));
	import_uuid(uuid, bytes);
}

/* ------------------------------------------------- model against table */

static const char *case_slice_agrees(struct cxlflash_lun *lun,
				     const struct model_slice *m)
{
	struct table_slice_info info;
	u32 chunk[MODEL_CHUNKS], at, tag;
	uuid_t uuid;

	case_uuid(&uuid, m->id);
	if (table_slice_find(lun, &uuid, &info))
		return "a slice is lost";
	if (info.nr_blocks != m->nr_blocks || info.nr_chunks != m->nr_chunks ||
	    info.flags != (tc.no_flags ? 0 : m->id) ||
	    strcmp(info.name, "name"))
		return "a slice is another";
	if (table_slice_map(lun, &uuid, 0, m->nr_chunks, chunk))
		return "no map";
	for (at = 0; at < m->nr_chunks; at++) {
		if (m->written[at] != !(chunk[at] & TABLE_UNWRITTEN))
			return "written or unwritten";
		if (chunk[at] & TABLE_UNWRITTEN)
			continue;
		tag = sim.io->tag[chunk[at]];
		if (tag && tag != m->id)
			return "another owner's data can be read";
		if (m->acked[at] && tag != m->id)
			return "flushed data are lost";
	}
	return "";
}

static const char *case_agrees(struct cxlflash_lun *lun, const struct model *m)
{
	const char *wrong = "";
	u32 i, nr_slices = 0, nr_mapped = 0;

	for (i = 0; i < MODEL_SLICES && !*wrong; i++) {
		if (!m->slice[i].id)
			continue;
		nr_slices++;
		nr_mapped += m->slice[i].nr_chunks;
		wrong = case_slice_agrees(lun, &m->slice[i]);
	}
	if (*wrong)
		return wrong;
	if (lun->table->nr_slices != nr_slices ||
	    lun->table->nr_mapped != nr_mapped)
		return "a slice too many";
	/* The table's own chunk, and each of the others once. */
	if (chunk_map_free(lun->chunks) != SIM_CHUNKS - 1 - nr_mapped)
		return "free chunks";
	return "";
}

/*
 * What the slice has got from chunk @from on: the table knows which of them are
 * zero already.  That this is true is seen by their tags.
 */
static const char *case_learn(struct model_slice *m, u32 from)
{
	u32 chunk[MODEL_CHUNKS], at;
	uuid_t uuid;

	case_uuid(&uuid, m->id);
	if (table_slice_map(&tc.lun, &uuid, 0, m->nr_chunks, chunk))
		return "no map";
	for (at = from; at < MODEL_CHUNKS; at++) {
		m->written[at] = at < m->nr_chunks &&
				 !(chunk[at] & TABLE_UNWRITTEN);
		m->acked[at] = false;
		if ((sim.st.flags & STORE_FAST_ZERO) && at < m->nr_chunks &&
		    !m->written[at])
			return "unwritten, and zeroing was cheap";
	}
	return "";
}

/* ---------------------------------------------------------- power cuts */

static const char *case_load_cut(bool is_new, bool is_old)
{
	struct cxlflash_lun *lun = &tc.after_cut;
	const char *wrong = "neither old nor new";

	sim_lun_init(lun);
	sim.io = &sim.cut;
	if (table_probe(lun) || !lun->formatted)
		wrong = "not formatted after the cut";
	else if (table_activate(lun))
		wrong = "cannot be activated after the cut";
	if (lun->table && is_new)
		wrong = case_agrees(lun, &tc.new);
	if (lun->table && *wrong && is_old)
		wrong = case_agrees(lun, &tc.old);
	table_close(lun);
	sim.io = &sim.now;
	return wrong;
}

static const char *case_cut_everywhere(void)
{
	const char *wrong = "";
	u32 during, mode;

	for (during = 0; during <= sim.nr_log && !*wrong; during++)
		for (mode = 0; mode < CASE_CUTS && !*wrong; mode++) {
			sim_power_cut(during, mode, &tc.seed);
			/* Once it was acknowledged, it is not old again. */
			wrong = case_load_cut(true, during < sim.nr_log);
		}
	return wrong;
}

static const char *case_begin(u32 seed)
{
	tc.seed = seed * 2654435761U | 1;
	tc.next_id = 1;
	memset(&tc.old, 0, sizeof(tc.old));
	memset(&tc.new, 0, sizeof(tc.new));
	if (!sim_start(seed % 2))
		return "no memory";
	sim_lun_init(&tc.lun);
	if (table_probe(&tc.lun) || tc.lun.formatted)
		return "formatted from the beginning";
	if (table_activate(&tc.lun) != -EINVAL)
		return "active from the beginning";
	if (table_format(&tc.lun, false) || !tc.lun.formatted || sim.frozen)
		return "cannot be formatted";
	if (table_activate(&tc.lun))
		return "cannot be activated";
	sim_settle();
	return "";
}

static const char *case_end(const char *wrong)
{
	table_close(&tc.lun);
	if (!*wrong && sim.wrong_access)
		wrong = "access outside of the table";
	sim_stop();
	return wrong;
}

#endif /* CXLFLASH_TABLE_MODEL_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases for CDBs: each returns "" or what is wrong
 *
 * The model of READ and WRITE is a bit-by-bit reader; of the others it is the
 * answer to REPORT SUPPORTED OPERATION CODES, which must tell the truth.
 */
#ifndef CXLFLASH_CDB_CASES_H
#define CXLFLASH_CDB_CASES_H

static u32 cdb_rand(u32 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Bits [first, first + nr) of the CDB, the first being its most significant. */
static u64 cdb_bits(const u8 *cdb, unsigned int first, unsigned int nr)
{
	u64 value = 0;

	for (; nr--; first++)
		value = value << 1 | (cdb[first / 8] >> (7 - first % 8) & 1);
	return value;
}

static const struct {
	u8 opcode;
	u8 lba, lba_bits;
	u8 nr, nr_bits;
} cdb_rw_layouts[] = {
	{ 0x08, 11, 21, 32, 8 }, { 0x0a, 11, 21, 32, 8 },
	{ 0x28, 16, 32, 56, 16 }, { 0x2a, 16, 32, 56, 16 },
	{ 0xa8, 16, 32, 48, 32 }, { 0xaa, 16, 32, 48, 32 },
	{ 0x88, 16, 64, 80, 32 }, { 0x8a, 16, 64, 80, 32 },
};

#define CDB_NR_LAYOUTS	ARRAY_SIZE(cdb_rw_layouts)

static void cdb_random(u32 *seed, u8 *cdb)
{
	unsigned int i;

	for (i = 0; i < CDB_LEN; i++)
		cdb[i] = cdb_rand(seed) % 3 ? cdb_rand(seed) >> 8 : 0;
}

static const char *cdb_check_rw(const u8 *cdb, unsigned int layout)
{
	u32 nr = cdb_bits(cdb, cdb_rw_layouts[layout].nr,
			  cdb_rw_layouts[layout].nr_bits);
	struct cdb_req req;
	struct cdb_rw rw;
	u32 sense;

	if (cdb[0] < 0x20 && !nr)
		nr = 256;
	if (!cdb_parse_rw(cdb, &rw))
		return "not seen as READ or WRITE";
	if (rw.lba != cdb_bits(cdb, cdb_rw_layouts[layout].lba,
			       cdb_rw_layouts[layout].lba_bits))
		return "wrong block";
	if (rw.nr_blocks != nr)
		return "wrong number of blocks";
	if (rw.write != ((cdb[0] & 0xf) == 0xa))
		return "wrong direction";
	if (rw.fua != (cdb[0] > 0x20 && cdb[1] & 8))
		return "wrong FUA";
	sense = cdb_parse(cdb, &req);
	if (rw.bad != !!sense)
		return "the two parsers differ about what is bad";
	if (!sense && (req.lba != rw.lba || req.nr_blocks != rw.nr_blocks ||
		       !(req.flags & CDB_FUA) == rw.fua ||
		       req.dir != (rw.write ? CDB_DIR_OUT : CDB_DIR_IN)))
		return "the two parsers differ";
	return "";
}

static const char *cdb_case_rw(u32 seed, unsigned int steps)
{
	const char *wrong = "";
	unsigned int layout;
	u8 cdb[CDB_LEN];

	seed = seed * 2654435761u | 1;
	while (steps-- && !*wrong) {
		cdb_random(&seed, cdb);
		layout = cdb_rand(&seed) % CDB_NR_LAYOUTS;
		cdb[0] = cdb_rw_layouts[layout].opcode;
		wrong = cdb_check_rw(cdb, layout);
	}
	return wrong;
}

static bool cdb_has_all(const void *arg, enum cdb_kind kind)
{
	return true;
}

/* All but the one that @arg points to. */
static bool cdb_has_others(const void *arg, enum cdb_kind kind)
{
	return kind != *(const enum cdb_kind *)arg;
}

/* Ask about a command as option 3 does. */
static u32 cdb_ask(u8 opcode, u16 sa, u8 mode, u8 *buf, unsigned int *len)
{
	const u8 cdb[CDB_LEN] = {
		0xa3, 0x0c, mode, opcode, sa >> 8, sa, 0, 0, 4,
	};
	struct cdb_req req;
	u32 sense;

	sense = cdb_parse(cdb, &req);
	return sense ? sense : cdb_report_one(buf, &req, cdb_has_all, NULL,
					      len);
}

/* Bits that are not in the usage data change nothing. */
static const char *cdb_check_usage(u32 *seed, const u8 *usage, unsigned int len,
				   bool has_sa)
{
	struct cdb_req req, other;
	u8 cdb[CDB_LEN], mask;
	unsigned int i;
	u32 sense;

	cdb_random(seed, cdb);
	cdb[0] = usage[0];
	if (has_sa)
		cdb[1] = (cdb[1] & 0xe0) | (usage[1] & 0x1f);
	sense = cdb_parse(cdb, &req);
	for (i = 1; i < CDB_LEN; i++) {
		mask = i < len ? usage[i] : 0;
		if (i == 1 && has_sa)
			mask |= 0x1f;
		cdb[i] ^= ~mask & (cdb_rand(seed) >> 8);
	}
	if (cdb_parse(cdb, &other) != sense)
		return "a bit that is not used decides";
	if (!sense && memcmp(&req, &other, sizeof(req)))
		return "a bit that is not used is used";
	return "";
}

static const char *cdb_case_usage(u32 seed, unsigned int steps)
{
	static u8 all[CDB_REPORT_MAX], one[CDB_REPORT_MAX];
	const char *wrong = "";
	unsigned int len, total, n;
	const u8 *d;

	seed = seed * 2654435761u | 1;
	total = cdb_report_all(all, false, cdb_has_all, NULL);
	while (steps-- && !*wrong) {
		n = cdb_rand(&seed) % ((total - 4) / 8);
		d = all + 4 + 8 * n;
		if (cdb_ask(d[0], get_unaligned_be16(d + 2), 3, one, &len))
			return "a reported command cannot be asked about";
		if (one[1] != 3 || len != 4u + d[7] || one[4] != d[0])
			return "a reported command is not supported";
		wrong = cdb_check_usage(&seed, one + 4, d[7], d[5] & 1);
	}
	return wrong;
}

/* Every code of the 256 times 32, by all three ways of asking. */
static const char *cdb_check_code(const u8 *all, unsigned int total,
				  u8 opcode, u8 sa)
{
	static u8 buf[CDB_REPORT_MAX];
	u8 cdb[CDB_LEN] = { opcode, sa };
	bool listed = false, has_sa = false, known = false;
	struct cdb_req req;
	unsigned int len;
	const u8 *d;
	u32 sense;

	for (d = all + 4; d < all + total; d += 20) {
		if (d[0] != opcode)
			continue;
		known = true;
		has_sa = d[5] & 1;
		listed |= !has_sa || get_unaligned_be16(d + 2) == sa;
	}
	sense = cdb_parse(cdb, &req);
	if (known == (sense == CDB_SENSE_BAD_OPCODE))
		return "parsed and reported codes differ";
	if (known && !listed && sense != CDB_SENSE_BAD_FIELD)
		return "an unknown service action is not a bad field";
	if (cdb_ask(opcode, sa, 3, buf, &len) ||
	    (buf[1] == 3) != (listed && (has_sa || !sa)))
		return "option 3 lies";
	sense = cdb_ask(opcode, sa, 1, buf, &len);
	if (sense ? !has_sa : has_sa || (buf[1] == 3) != known)
		return "option 1 lies";
	sense = cdb_ask(opcode, sa, 2, buf, &len);
	if (sense ? !known || has_sa : (buf[1] == 3) != listed)
		return "option 2 lies";
	return "";
}

static const char *cdb_case_codes(void)
{
	static u8 all[CDB_REPORT_MAX];
	const char *wrong = "";
	unsigned int code, total;

	total = cdb_report_all(all, true, cdb_has_all, NULL);
	if (total > sizeof(all) || get_unaligned_be32(all) != total - 4 ||
	    (total - 4) % 20)
		return "a wrong length";
	for (code = 0; code < 256 * 32 && !*wrong; code++)
		wrong = cdb_check_code(all, total, code / 32, code % 32);
	return wrong;
}

static const char *cdb_case_missing(void)
{
	static u8 all[CDB_REPORT_MAX], others[CDB_REPORT_MAX];
	enum cdb_kind kind = CDB_UNMAP;
	const u8 ask[CDB_LEN] = { 0xa3, 0x0c, 1, 0x42, 0, 0, 0, 0, 4 };
	unsigned int len, total;
	struct cdb_req req;

	total = cdb_report_all(all, false, cdb_has_all, NULL);
	if (cdb_report_all(others, false, cdb_has_others, &kind) != total - 8)
		return "what a disk has not is listed";
	if (cdb_parse(ask, &req) ||
	    cdb_report_one(others, &req, cdb_has_others, &kind, &len) ||
	    len != 4 || others[1] != 1)
		return "what a disk has not is supported";
	return "";
}

/* Anything at all: it must not matter, and mean the same twice. */
static const char *cdb_case_noise(u32 seed, unsigned int steps)
{
	struct cdb_req req, again;
	u8 cdb[CDB_LEN];
	u32 sense;

	seed = seed * 2654435761u | 1;
	while (steps--) {
		cdb_random(&seed, cdb);
		sense = cdb_parse(cdb, &req);
		if (cdb_parse(cdb, &again) != sense ||
		    memcmp(&req, &again, sizeof(req)))
			return "not the same twice";
		if (req.kind >= CDB_NR_KINDS || req.dir > CDB_DIR_OUT ||
		    req.access > CDB_ACCESS_WRITE)
			return "out of range";
		if (!sense && req.flags & CDB_CHANGES &&
		    req.access != CDB_ACCESS_WRITE)
			return "a change that reservations do not see";
	}
	return "";
}

static const struct {
	u8 cdb[CDB_LEN];
	u32 sense;
} cdb_fields[] = {
	/* NACA; protection; PMI; an LBA without PMI */
	{ { 0x00, 0, 0, 0, 0, 4 }, 0x052400 },
	{ { 0x8a, 0x20 }, 0x052400 },
	{ { 0x25, 0, 0, 0, 0, 0, 0, 0, 1 }, 0x052400 },
	{ { 0x25, 0, 0, 0, 0, 1 }, 0x052400 },
	{ { 0x25 }, 0 },
	/* INQUIRY: CMDDT, a page without EVPD */
	{ { 0x12, 2 }, 0x052400 },
	{ { 0x12, 0, 0x83 }, 0x052400 },
	{ { 0x12, 1, 0x83, 1, 0 }, 0 },
	/* WRITE SAME: no blocks, ANCHOR, LBDATA, NDOB */
	{ { 0x93 }, 0x052400 },
	{ { 0x93, 0x18, [13] = 1 }, 0x052400 },
	{ { 0x93, 0x02, [13] = 1 }, 0x052400 },
	{ { 0x93, 0x09, [13] = 1 }, 0 },
	{ { 0x41, 0x08, [8] = 1 }, 0 },
	/* saved values; MODE SELECT: SP, without PF */
	{ { 0x1a, 0, 0xff, 0, 255 }, 0x053900 },
	{ { 0x15, 0x11, 0, 0, 4 }, 0x052400 },
	{ { 0x15, 0x00, 0, 0, 4 }, 0x052400 },
	{ { 0x15, 0x10, 0, 0, 4 }, 0 },
	/* REPORT LUNS: too short, unknown selection */
	{ { 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 15 }, 0x052400 },
	{ { 0xa0, 0, 3, 0, 0, 0, 0, 0, 0, 16 }, 0x052400 },
	{ { 0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16 }, 0 },
	/* VERIFY: BYTCHK 2; UNMAP: ANCHOR; START STOP: LOEJ, power condition */
	{ { 0x2f, 0x04 }, 0x052400 },
	{ { 0x2f, 0x06 }, 0 },
	{ { 0x42, 0x01 }, 0x052400 },
	{ { 0x1b, 0, 0, 0, 2 }, 0x052400 },
	{ { 0x1b, 0, 0, 0, 0x11 }, 0x052400 },
	{ { 0x1b, 0, 0, 0, 1 }, 0 },
	/* service actions that are not known; REGISTER AND MOVE */
	{ { 0x9e, 0x11 }, 0x052400 },
	{ { 0x5f, 7 }, 0x052400 },
	{ { 0x5e, 4 }, 0x052400 },
	{ { 0xa3, 0x0a }, 0x052400 },
	{ { 0xc0 }, 0x052000 },
};

static const char *cdb_case_fields(void)
{
	struct cdb_req req;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cdb_fields); i++)
		if (cdb_parse(cdb_fields[i].cdb, &req) != cdb_fields[i].sense)
			return "a field is not seen as it should be";
	return "";
}

#endif /* CXLFLASH_CDB_CASES_H */

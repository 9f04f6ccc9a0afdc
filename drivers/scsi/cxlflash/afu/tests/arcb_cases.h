/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases for IOARCBs: each returns "" or what is wrong
 *
 * The model is a list of opcodes with what each needs, and the checks written
 * down one by one in the order in which programs see them.
 */
#ifndef CXLFLASH_ARCB_CASES_H
#define CXLFLASH_ARCB_CASES_H

#define ARCB_CASE_CTX		77

struct arcb_opcode {
	u8 opcode;
	u8 perm;		/* 1 read, 2 write */
	bool user;		/* contexts without general SCSI have it */
};

/* Others need neither, and general SCSI. */
static const struct arcb_opcode arcb_opcodes[] = {
	{ 0x08, 1, false }, { 0x28, 1, false }, { 0xa8, 1, false },
	{ 0x88, 1, true },
	{ 0x0a, 2, false }, { 0x2a, 2, false }, { 0xaa, 2, false },
	{ 0x8a, 2, true }, { 0x93, 2, true },
	{ 0x2e, 2, false }, { 0x8e, 2, false }, { 0x41, 2, false },
	{ 0x42, 2, false }, { 0x15, 2, false }, { 0x55, 2, false },
	{ 0x5f, 2, false },
};

static u32 arcb_rand(u32 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static const struct arcb_opcode *arcb_find_opcode(u8 opcode)
{
	unsigned int i;

	for (i = 0; i < sizeof(arcb_opcodes) / sizeof(arcb_opcodes[0]); i++)
		if (arcb_opcodes[i].opcode == opcode)
			return &arcb_opcodes[i];
	return NULL;
}

static u8 arcb_model(const struct sisl_ioarcb *arcb, u64 caps)
{
	const struct arcb_opcode *op = arcb_find_opcode(arcb->cdb[0]);
	bool tmf = arcb->req_flags & 0x0004, afu = arcb->req_flags & 0x0002;

	if (arcb->ctx_id != ARCB_CASE_CTX)
		return 0x21;
	if (tmf && afu)
		return 0x21;
	if (afu)
		return caps & 8 ? 0 : 0x21;
	if (tmf && !(caps & 4))
		return 0x21;
	if (!tmf && !(op && op->user) && !(caps & 4))
		return 0x21;
	if (!tmf && op && (op->perm & ~caps & 3))
		return 0x21;
	if (!(arcb->req_flags & 0x8000) && !(caps & (1ULL << 61)))
		return 0x1a;
	return 0;
}

static void arcb_fill(struct sisl_ioarcb *arcb, u32 *seed)
{
	u8 *p = (u8 *)arcb;
	unsigned int i, nr = sizeof(arcb_opcodes) / sizeof(arcb_opcodes[0]);

	for (i = 0; i < sizeof(*arcb); i++)
		p[i] = arcb_rand(seed);
	if (arcb_rand(seed) % 8)
		arcb->ctx_id = ARCB_CASE_CTX;
	if (arcb_rand(seed) % 4)
		arcb->req_flags &= ~6;
	if (arcb_rand(seed) % 4)
		arcb->cdb[0] = arcb_opcodes[arcb_rand(seed) % nr].opcode;
}

/* Any 64 bytes get the answer of the model. */
static const char *arcb_case_model(u32 seed, unsigned int steps)
{
	struct sisl_ioarcb arcb;
	struct arcb_req req;
	u64 caps;

	seed = seed * 2654435761U | 1;
	while (steps--) {
		arcb_fill(&arcb, &seed);
		caps = arcb_rand(&seed) % 16;
		if (arcb_rand(&seed) % 2)
			caps |= 1ULL << 61;
		if (arcb_parse(&arcb, ARCB_CASE_CTX, caps, &req) !=
		    arcb_model(&arcb, caps))
			return "another afu_rc";
	}
	return "";
}

/* What is charged is at most what the owner offers. */
static const char *arcb_case_charge(u32 seed, unsigned int steps)
{
	struct sisl_ioarcb arcb;
	struct arcb_req req;

	seed = seed * 2654435761U | 1;
	while (steps--) {
		arcb_fill(&arcb, &seed);
		if (arcb_parse(&arcb, ARCB_CASE_CTX, ~0ULL, &req))
			continue;
		if (req.data_bytes > arcb.data_len)
			return "more than the data";
		if (req.data_bytes > req.nr_blocks * 4096ULL)
			return "more than the blocks";
		if (!req.moves && req.data_bytes)
			return "for what moves nothing";
	}
	return "";
}

static const char *arcb_case_range(void)
{
	static const u8 cdb[16] = {
		0x88, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x80, 0, 0, 9,
	};
	struct sisl_ioarcb arcb = {
		.ctx_id = ARCB_CASE_CTX,
		.req_flags = SISL_REQ_RES_HNDL,
		.data_len = 5000,
	};
	struct arcb_req req;

	memcpy(arcb.cdb, cdb, sizeof(cdb));
	if (arcb_parse(&arcb, ARCB_CASE_CTX, SISL_CAP_READ, &req))
		return "refused";
	if (!req.ranged || req.lba != 0x0102030405060708ULL ||
	    req.nr_blocks != 0x80000009)
		return "range of 16 bytes";
	if (req.data_bytes != 5000 || req.perm != ARCB_PERM_READ)
		return "bytes or permission";

	arcb.cdb[0] = 0x0a;
	arcb.cdb[4] = 0;
	arcb.data_len = 2 << 20;
	if (arcb_parse(&arcb, ARCB_CASE_CTX, 0xf, &req) || req.ranged ||
	    req.nr_blocks != 256 || req.data_bytes != 1 << 20)
		return "256 blocks of WRITE(6)";
	return "";
}

static const char *arcb_case_timeout(void)
{
	static const struct {
		u16 unit;
		u64 ns;
	} units[] = {
		{ 0x00, 65535000000000ULL }, { 0x40, 65535000000ULL },
		{ 0x80, 65535000ULL }, { 0xc0, 65535 * 4ULL },
	};
	struct sisl_ioarcb arcb = {
		.ctx_id = ARCB_CASE_CTX,
		.cdb = { 0x88 },
	};
	struct arcb_req req;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		arcb.req_flags = SISL_REQ_RES_HNDL | units[i].unit;
		arcb.timeout = 65535;
		if (arcb_parse(&arcb, ARCB_CASE_CTX, SISL_CAP_READ, &req) ||
		    req.timeout_ns != units[i].ns)
			return "a unit";
		arcb.timeout = 0;
		if (arcb_parse(&arcb, ARCB_CASE_CTX, SISL_CAP_READ, &req) ||
		    req.timeout_ns)
			return "none";
	}
	return "";
}

/* Every member of the wire format, and the CDB as it was. */
static const char *arcb_case_swap(void)
{
	struct sisl_ioarcb arcb;
	u8 *p = (u8 *)&arcb;
	unsigned int i;

	for (i = 0; i < sizeof(arcb); i++)
		p[i] = i;
	arcb_swap(&arcb);
	/* A byte goes to where its member mirrors it. */
	if (p[0] != 1 || p[3] != 2 || p[4] != 7 || p[7] != 4)
		return "id, flags, handle";
	if (p[8] != 15 || p[0x10] != 0x13 || p[0x14] != 0x17 ||
	    p[0x18] != 0x1f)
		return "LUN, lengths, address";
	if (p[0x20] != 0x20 || p[0x21] != 0x21 || p[0x22] != 0x23 ||
	    p[0x24] != 0x27)
		return "bytes, timeout";
	for (i = 0x28; i < 0x38; i++)
		if (p[i] != i)
			return "CDB";
	if (p[0x38] != 0x3f)
		return "IOASA";
	arcb_swap(&arcb);
	for (i = 0; i < sizeof(arcb); i++)
		if (p[i] != i)
			return "not its own inverse";
	return "";
}

static const char *arcb_case_ioadl(void)
{
	struct sisl_ioarcb arcb = { };

	if (!arcb_ioadl_is_valid(&arcb, false))
		return "none";
	arcb.ioadl_len = 16;
	if (arcb_ioadl_is_valid(&arcb, false) ||
	    !arcb_ioadl_is_valid(&arcb, true))
		return "one";
	arcb.ioadl_len = 24;
	if (arcb_ioadl_is_valid(&arcb, true))
		return "one and a half";
	arcb.ioadl_len = SISL_IOADL_MAX * 16;
	if (!arcb_ioadl_is_valid(&arcb, true))
		return "as many as can be";
	arcb.ioadl_len += 16;
	if (arcb_ioadl_is_valid(&arcb, true))
		return "one too many";
	arcb.ioadl_len = 0xfffffff0;
	if (arcb_ioadl_is_valid(&arcb, true))
		return "very many";
	return "";
}

#endif /* CXLFLASH_ARCB_CASES_H */

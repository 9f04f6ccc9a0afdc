/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What surrounds the disk in its tests: commands end in a flag, workers run at
 * once, the store is an array, and a virtual LUN's chunks are single blocks in
 * an order turned round
 */
#ifndef CXLFLASH_DISK_FAKE_H
#define CXLFLASH_DISK_FAKE_H

#define FAKE_BLOCKS		512
#define FAKE_LG2		9
#define FAKE_BYTES		(FAKE_BLOCKS << FAKE_LG2)
/* Blocks of a virtual LUN; block n is block FAKE_VIRT_TOP - n of the store. */
#define FAKE_VIRT_BLOCKS	64
#define FAKE_VIRT_TOP		200

struct fake {
	struct cxlflash_adapter ad;
	struct cxlflash_lun lun;
	struct afu_store store;
	struct cxlflash_ctx ctx[3];
	struct afu_cmd cmd;
	unsigned int completed;
	unsigned int transfers;
	unsigned int flushes;
	u8 data[128 << 10];
	u8 medium[FAKE_BYTES];
};

static struct fake *fake;

DEFINE_STATIC_KEY_FALSE(afu_faults_key);

bool fault_media(struct afu_cmd *cmd, u64 pos, u64 len)
{
	return false;
}

void cmd_set_afu_rc(struct afu_cmd *cmd, u8 afu_rc)
{
	cmd->status.afu_rc = afu_rc;
}

void cmd_set_fc_rc(struct afu_cmd *cmd, u8 fc_rc)
{
	cmd->status.fc_rc = fc_rc;
}

void cmd_set_scsi_rc(struct afu_cmd *cmd, u8 scsi_rc)
{
	cmd->status.scsi_rc = scsi_rc;
}

void cmd_set_sense(struct afu_cmd *cmd, u8 key, u8 asc, u8 ascq)
{
	memset(cmd->status.sense, 0, SISL_SENSE_LEN);
	cmd->status.sense[0] = 0x70;
	cmd->status.sense[2] = key;
	cmd->status.sense[12] = asc;
	cmd->status.sense[13] = ascq;
	cmd->status.scsi_rc = 2;
	cmd->status.flags |= SISL_IOASA_SENSE_VALID;
}

void cmd_set_sense_info(struct afu_cmd *cmd, u8 key, u8 asc, u8 ascq, u64 lba)
{
	cmd_set_sense(cmd, key, asc, ascq);
	cmd->status.sense[0] |= 0x80;
	put_unaligned_be32(lba, cmd->status.sense + 3);
}

void cmd_set_store_error(struct afu_cmd *cmd, int error)
{
	cmd_set_sense(cmd, 0x04, 0x44, 0);
}

void cmd_complete(struct afu_cmd *cmd)
{
	fake->completed++;
}

void cmd_defer(struct afu_cmd *cmd, void (*fn)(struct afu_cmd *cmd))
{
	fn(cmd);
}

void cmd_defer_wait(struct afu_cmd *cmd, void (*fn)(struct afu_cmd *cmd))
{
	fn(cmd);
}

/* Where a block is. */
static u64 fake_pos(const struct afu_cmd *cmd, u64 lba)
{
	return (cmd->virt ? FAKE_VIRT_TOP - lba : lba) << FAKE_LG2;
}

void cmd_transfer(struct afu_cmd *cmd)
{
	u64 lba = cmd->pos >> FAKE_LG2, off;
	u8 *medium;

	fake->transfers++;
	for (off = 0; off < cmd->left; off += 1 << FAKE_LG2, lba++) {
		medium = fake->medium + fake_pos(cmd, lba);
		if (cmd->write)
			memcpy(medium, fake->data + off, 1 << FAKE_LG2);
		else
			memcpy(fake->data + off, medium, 1 << FAKE_LG2);
	}
	cmd_complete(cmd);
}

int cmd_copy_to_owner(struct afu_cmd *cmd, u64 off, const void *from, u32 len)
{
	if (WARN_ON(off + len > cmd->arcb.data_len))
		return -EINVAL;
	memcpy(fake->data + off, from, len);
	return 0;
}

int cmd_copy_from_owner(struct afu_cmd *cmd, u64 off, void *to, u32 len)
{
	if (WARN_ON(off + len > cmd->arcb.data_len))
		return -EINVAL;
	memcpy(to, fake->data + off, len);
	return 0;
}

u8 rht_lookup(struct cxlflash_ctx *ctx, u32 handle, struct rht_xlate *x)
{
	*x = (struct rht_xlate){ .lun = &fake->lun };
	return 0;
}

u8 rht_translate(struct cxlflash_ctx *ctx, u32 handle, u64 lba, u32 nr,
		 u64 *pos, u32 *contiguous, bool *unwritten)
{
	if (lba >= FAKE_VIRT_BLOCKS)
		return SISL_AFU_RC_LXT_OUT_OF_BOUNDS;
	*pos = (FAKE_VIRT_TOP - lba) << FAKE_LG2;
	*contiguous = 1;
	*unwritten = false;
	return 0;
}

static bool fake_in_range(u64 pos, u64 len)
{
	return !WARN_ON(pos > FAKE_BYTES || len > FAKE_BYTES - pos);
}

int store_rw_sync(struct afu_store *st, enum afu_io_op op, u64 pos, void *buf,
		  u64 len, bool fua)
{
	if (!fake_in_range(pos, len))
		return -EIO;
	if (op == AFU_IO_READ)
		memcpy(buf, fake->medium + pos, len);
	else
		memcpy(fake->medium + pos, buf, len);
	return 0;
}

int store_flush_sync(struct afu_store *st)
{
	fake->flushes++;
	return 0;
}

int store_zero_sync(struct afu_store *st, u64 pos, u64 len)
{
	if (!fake_in_range(pos, len))
		return -EIO;
	memset(fake->medium + pos, 0, len);
	return 0;
}

static void fake_submit(struct afu_store *st, struct afu_io *io)
{
	io->error = io->op == AFU_IO_UNMAP ?
		store_zero_sync(st, io->pos, io->len) : -EIO;
	io->done(io);
}

static const struct afu_store_ops fake_store_ops = {
	.name = "fake",
	.submit = fake_submit,
};

void lun_unit_attention(struct cxlflash_lun *lun, u16 asc_ascq)
{
	lun->ua_code = asc_ascq;
	atomic_inc_return_release(&lun->ua_generation);
}

struct cxlflash_adapter *cxlflash_adapter_find(const char *name)
{
	return NULL;
}

void cxlflash_adapter_put(struct cxlflash_adapter *ad)
{
}

struct cxlflash_ctx *ctx_next(struct cxlflash_adapter *ad, unsigned long *id)
{
	return NULL;
}

void ctx_get(struct cxlflash_ctx *ctx)
{
}

void ctx_put(struct cxlflash_ctx *ctx)
{
}

/* Contexts 0 and 1 are the host's; 2 is by itself. */
static int fake_init(struct kunit *test)
{
	unsigned int i;

	fake = vzalloc(sizeof(*fake));
	if (!fake)
		return -ENOMEM;
	strscpy(fake->ad.name, "afu0", sizeof(fake->ad.name));
	fake->ad.nr_ports = 1;
	xa_init(&fake->ad.ports[0].luns);
	fake->store.ops = &fake_store_ops;
	fake->store.flags = STORE_UNMAP | STORE_UNMAP_ZEROES;
	fake->store.write_cache = true;
	fake->store.unmap_granularity = 4096;
	spin_lock_init(&fake->lun.resv_lock);
	fake->lun.store = &fake->store;
	fake->lun.block_lg2 = FAKE_LG2;
	fake->lun.nr_blocks = FAKE_BLOCKS;
	fake->lun.write_cache = true;
	strscpy(fake->lun.name, "disk", sizeof(fake->lun.name));
	memset(fake->lun.wwid, 0x6a, AFU_WWID_LEN);
	for (i = 0; i < ARRAY_SIZE(fake->ctx); i++) {
		fake->ctx[i].ad = &fake->ad;
		fake->ctx[i].id = 500 + i;
		fake->ctx[i].user = i == 2;
		fake->ctx[i].caps = SISL_CAP_GSCSI;
		xa_init(&fake->ctx[i].ua_seen);
	}
	return 0;
}

static void fake_exit(struct kunit *test)
{
	unsigned int i;

	if (!fake)
		return;
	for (i = 0; i < ARRAY_SIZE(fake->ctx); i++)
		xa_destroy(&fake->ctx[i].ua_seen);
	xa_destroy(&fake->ad.ports[0].luns);
	kfree(fake->lun.resv);
	vfree(fake);
	fake = NULL;
}

/* What the next commands are sent as. */
static struct afu_cmd *fake_cmd(unsigned int ctx, const u8 *cdb, u32 data_len,
				bool out)
{
	struct afu_cmd *cmd = &fake->cmd;

	memset(cmd, 0, sizeof(*cmd));
	cmd->ctx = &fake->ctx[ctx];
	cmd->lun = &fake->lun;
	cmd->handle_flags = CXLFLASH_HANDLE_READ | CXLFLASH_HANDLE_WRITE;
	cmd->arcb.data_len = data_len;
	cmd->arcb.req_flags = out ? SISL_REQ_HOST_WRITE : 0;
	memcpy(cmd->arcb.cdb, cdb, CDB_LEN);
	fake->completed = 0;
	fake->transfers = 0;
	return cmd;
}

/* Sense in one number, 0x18 for a conflict, 0 if it was good. */
static u32 fake_status(void)
{
	const struct sisl_ioasa *s = &fake->cmd.status;

	if (s->scsi_rc != 2)
		return s->scsi_rc;
	return CDB_SENSE(s->sense[2], s->sense[12], s->sense[13]);
}

static u32 fake_send(unsigned int ctx, const u8 *cdb, u32 data_len, bool out)
{
	disk_execute(fake_cmd(ctx, cdb, data_len, out), FAKE_BLOCKS);
	return fake->completed == 1 ? fake_status() : U32_MAX;
}

#define FAKE_CDB(...)	((const u8 [CDB_LEN]) { __VA_ARGS__ })

#endif /* CXLFLASH_DISK_FAKE_H */

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * configfs: what is configured, and how it becomes adapters and LUNs
 *
 *   cxlflash/
 *     luns/<lun>/ ............. struct cfg_lun       (config_lun.c)
 *     adapters/<adapter>/ ..... struct cfg_adapter   (config.c)
 *       faults/ ............. config_fault.c
 *       port0/ ... port3/ ..... struct cfg_port
 *         <number>/ ........... struct cfg_slot
 *           lun -> ../../../../luns/<lun>
 *
 * What is configured stays when an adapter or LUN is taken down or fails to
 * come up.  A slot is *attached* while its adapter is live and its LUN is
 * enabled, so links, adapters and LUNs may come in any order.
 *
 * Locks: configfs' own > cfg_adapter->lock, cfg_lun->lock > cfg_links_lock.
 * The first two are held while an adapter or a LUN comes up or goes down,
 * which may take as long as a store or the grace; nothing else waits for them
 * but the same item's attributes.  Links are made and dropped with an inode
 * lock of configfs held, so there only cfg_links_lock is taken.
 */
#ifndef CXLFLASH_AFU_CONFIG_H
#define CXLFLASH_AFU_CONFIG_H

#include "afu.h"

struct cfg_adapter;

/**
 * struct cfg_lun - luns/<lun>
 * @group: in configfs
 * @lun: made with it, enabled or not
 * @lock: protects what follows, and enabling and disabling
 * @store: kind of store
 * @path: of its backing, or NULL
 * @size: bytes; 0: what the backing has
 * @block_size: bytes
 * @read_only: as configured
 * @write_cache: as configured
 * @enabled: written under @lock and cfg_links_lock; read under either
 * @links: struct cfg_slot by @lun_node, under cfg_links_lock
 */
struct cfg_lun {
	struct config_group group;
	struct cxlflash_lun *lun;
	/** @lock: protects what is configured, and enabling and disabling */
	struct mutex lock;
	const char *store;
	char *path;
	u64 size;
	u32 block_size;
	bool read_only;
	bool write_cache;
	bool enabled;
	struct list_head links;
};

/**
 * struct cfg_port - adapters/<adapter>/port<index>
 * @group: in configfs
 * @adapter: whose
 * @index: number
 */
struct cfg_port {
	struct config_group group;
	struct cfg_adapter *adapter;
	unsigned int index;
};

/**
 * struct cfg_adapter - adapters/<adapter>
 * @group: in configfs
 * @ports: default groups
 * @faults_group: default group
 * @lock: protects what is configured, and going live and back
 * @nr_ports: as configured
 * @nr_contexts: as configured
 * @engine_cpus: as configured; empty: the adapter chooses
 * @host: as configured
 * @grace_ms: as configured
 * @ad: while it is live; written under @lock and cfg_links_lock, read under
 *	either
 * @slots: struct cfg_slot by @node, under cfg_links_lock
 * @faults: as configured, under cfg_links_lock; those of @ad while it is live
 */
struct cfg_adapter {
	struct config_group group;
	struct cfg_port ports[SISL_NR_PORTS];
	struct config_group faults_group;
	/** @lock: protects what is configured, and going live and back */
	struct mutex lock;
	unsigned int nr_ports;
	unsigned int nr_contexts;
	cpumask_var_t engine_cpus;
	bool host;
	unsigned int grace_ms;
	struct cxlflash_adapter *ad;
	struct list_head slots;
	struct afu_faults faults;
};

/**
 * struct cfg_slot - adapters/<adapter>/port<port>/<number>
 * @item: in configfs
 * @adapter: whose
 * @port: number
 * @lun_id: number
 * @lun: that is linked, or NULL
 * @attached: it is behind the adapter's port
 * @node: in @adapter->slots
 * @lun_node: in @lun->links
 *
 * All under cfg_links_lock.
 */
struct cfg_slot {
	struct config_item item;
	struct cfg_adapter *adapter;
	unsigned int port;
	u64 lun_id;
	struct cfg_lun *lun;
	bool attached;
	struct list_head node;
	struct list_head lun_node;
};

/* Protects links, slots, who is live and enabled, fault points. */
extern struct mutex cfg_links_lock;

bool cfg_name_is_valid(const char *name);

/* config.c: between LUNs and the adapters that they are linked from. */
int cfg_lun_publish(struct cfg_lun *cl);
void cfg_lun_withdraw(struct cfg_lun *cl);

/* config_fault.c */
extern const struct config_item_type cfg_faults_type;
void cfg_faults_apply(struct cfg_adapter *ca);

/* config_lun.c */
extern const struct config_item_type cfg_luns_type;
struct cfg_lun *to_cfg_lun(struct config_item *item);
bool cfg_item_is_lun(struct config_item *item);

#endif /* CXLFLASH_AFU_CONFIG_H */

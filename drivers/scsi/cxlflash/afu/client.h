/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between client.c and what clients want to hear of
 */
#ifndef CXLFLASH_AFU_CLIENT_H
#define CXLFLASH_AFU_CLIENT_H

struct cxlflash_adapter;
struct cxlflash_lun;

void client_adapter_init(struct cxlflash_adapter *ad);
void client_adapter_added(struct cxlflash_adapter *ad);
void client_adapter_removing(struct cxlflash_adapter *ad);
void client_luns_changed(struct cxlflash_adapter *ad);
void client_flush(struct cxlflash_adapter *ad);
void client_lun_removing(struct cxlflash_adapter *ad, struct cxlflash_lun *lun);
void client_reset_begin(struct cxlflash_adapter *ad);
void client_reset_end(struct cxlflash_adapter *ad, int error);
int client_init(void);
void client_exit(void);

#endif /* CXLFLASH_AFU_CLIENT_H */

/* RDS, as Linux has it; rds(7). Its own header does not go with those of libc. */
#ifndef CAPSOCK_LINUX_RDS_H
#define CAPSOCK_LINUX_RDS_H

#define RDS_CANCEL_SENT_TO 1
#define RDS_CMSG_RDMA_ARGS 1
#define RDS_CMSG_RDMA_DEST 2
#define RDS_CMSG_RDMA_MAP 3
#define RDS_CMSG_RDMA_STATUS 4
#define RDS_CMSG_RDMA_UPDATE 5
#define RDS_CONG_MONITOR 6
#define RDS_FREE_MR 3
#define RDS_GET_MR 2
#define RDS_GET_MR_FOR_DEST 7
#define RDS_RDMA_DONTWAIT 16
#define RDS_RDMA_FENCE 2
#define RDS_RDMA_INVALIDATE 4
#define RDS_RDMA_NOTIFY_ME 32
#define RDS_RDMA_READWRITE 1
#define RDS_RDMA_USE_ONCE 8
#define RDS_RECVERR 5
#define RDS_RDMA_SILENT 64

#endif

/* Linked before all others, so that it is the first of what follows the thread-local
   storage (thread-local.c). */
__attribute__((section(".rodata.capsock"), used, aligned(16))) const int __capsock_first = 1;

;; Joined to a program with threads: what Binaryen's pass makes, and what it calls, by the
;; names that the program has for it. The main stack has no limits of its own.
(module
  (import "program" "__set_stack_limits" (func $set_limits (param i32 i32)))
  (import "program" "__capsock_overflowed" (func $overflowed (param i32)))
  (func (export "__capsock_set_stack_limits") (param i32 i32) (call $set_limits (local.get 0) (local.get 1)))
  (func (export "__capsock_stack_overflow") (param i32) (call $overflowed (local.get 0)))
  (func $begin (call $set_limits (i32.const -1) (i32.const 0)))
  (start $begin))

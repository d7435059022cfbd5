;; Joined to a program with threads: the main stack has no limits of its own.
(module
  (import "env" "__set_stack_limits" (func $set_stack_limits (param i32 i32)))
  (func $begin (call $set_stack_limits (i32.const -1) (i32.const 0)))
  (start $begin))

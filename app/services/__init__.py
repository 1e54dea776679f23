"""The use cases, a package for each capability. They own the transactions.

An import goes down this list only: answers; intake, tenants and operations; indexing; queue and providers.
"""

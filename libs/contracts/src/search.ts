export * from './gen/nat/search/v1/search.ts';
export * from './gen/nat/search/v1/search_service.ts';
